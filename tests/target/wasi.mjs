// wasi.mjs PROGRAM - runs a WebAssembly program under node, with its exit code.

import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

const program = process.argv[2];
const wasi = new WASI({
    version: 'preview1',
    args: [program],
    returnOnExit: true,
});
const module = await WebAssembly.compile(readFileSync(program));
const instance = await WebAssembly.instantiate(module, {
    wasi_snapshot_preview1: wasi.wasiImport,
});
process.exitCode = wasi.start(instance);
