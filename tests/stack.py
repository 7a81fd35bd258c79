"""stack.py CC... - the deepest path through the core's stack, in bytes.

Reads the call graph that gcc writes with -fcallgraph-info=su. Calls through
pointers are resolved by the table below: the functions of the library that can
stand there. The user's own functions (sinks, sources, stores, engines, hooks)
count nothing. Fails if the graph has a cycle: the core does not recurse.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

DOCUMENTS = ["ocitar_i_image_config", "ocitar_i_image_manifest",
             "ocitar_i_index_json", "ocitar_i_docker_json",
             "ocitar_i_index_layout_file"]
WRITE = ["ocitar_i_tar_driver_write"]
CANCEL = ["ocitar_i_tar_driver_cancel"]
POINTERS = {
    "ocitar_i_layout_open": ["ocitar_i_tar_driver_begin"],
    "ocitar_i_layout_send": WRITE + ["ocitar_i_tar_driver_space"],
    "ocitar_i_layout_memory": WRITE,
    "ocitar_i_document_out_flush": WRITE,
    "ocitar_i_document_out_put": WRITE,
    "ocitar_i_layout_cancel": CANCEL,
    "ocitar_i_layout_seal": ["ocitar_i_tar_driver_end"],
    "ocitar_i_layout_put_blob": ["ocitar_i_layout_memory",
                                 "ocitar_i_document_write"],
    "ocitar_i_document_write": DOCUMENTS,
    "ocitar_i_document_measure": DOCUMENTS,
    "ocitar_i_json_put": ["ocitar_i_document_count_put",
                          "ocitar_i_document_out_put"],
    "ocitar_layout_remove": ["ocitar_i_tar_driver_remove"],
    "ocitar_layout_reader": ["ocitar_i_tar_driver_reader"],
    "ocitar_file_put": WRITE,
    "ocitar_blob_write": WRITE,
    "ocitar_blob_commit": WRITE + CANCEL,
    "ocitar_i_blob_copied": WRITE + CANCEL,
    "ocitar_i_blob_body": WRITE,
    "ocitar_blob_put_many": ["ocitar_i_layout_memory"],
    "ocitar_i_blob_pass": WRITE,
    "ocitar_i_blob_emit": CANCEL,
    "ocitar_i_raw_object": ["ocitar_i_raw_annotations",
                            "ocitar_i_raw_platform"],
    "ocitar_i_json_token": ["ocitar_i_check_token"],
    "ocitar_i_reader_block": ["ocitar_i_check_begin_entry",
                              "ocitar_i_check_layer_entry"],
    "ocitar_i_reader_body": ["ocitar_i_check_data"],
    "ocitar_i_reader_done": ["ocitar_i_check_done"],
    "ocitar_catalog_copy": WRITE + CANCEL,
}

# Two functions are on the stack twice, and no more often: the annotations of
# a descriptor that is kept as it is, and the reader of a layer's tar in the
# checker's. The second time is cut off here and added below.
TWICE = {
    "ocitar_i_raw_annotations": "ocitar_i_raw_object",
    "ocitar_i_check_layer_push": "ocitar_reader_push",
}


def plain(name):
    return re.sub(r"\.(part|constprop|isra)\..*", "", name.split(":")[-1])


def read(text):
    own, calls = {}, {}
    for title, label in re.findall(
            r'node: \{ title: "([^"]*)" label: "([^"]*)"', text):
        size = re.search(r"\\n(\d+) bytes", label)
        if size:
            own[title] = int(size.group(1))
    for a, b in re.findall(
            r'edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"', text):
        calls.setdefault(a, set()).add(b)
    by_name = {}
    for title in own:
        by_name.setdefault(plain(title), []).append(title)
    for a, targets in calls.items():
        if "__indirect_call" in targets:
            targets.discard("__indirect_call")
            for name in POINTERS.get(plain(a), []):
                targets.update(by_name.get(name, []))
        cut = TWICE.get(plain(a))
        targets.difference_update(by_name.get(cut, []))
    return own, calls


def deepest(own, calls):
    done, under_way = {}, set()

    def visit(node):
        if node in done:
            return done[node]
        if node in under_way:
            sys.exit(f"recursion through {plain(node)}")
        under_way.add(node)
        best = (0, [])
        for target in calls.get(node, ()):
            best = max(best, visit(target))
        under_way.discard(node)
        done[node] = (best[0] + own.get(node, 0), [node] + best[1])
        return done[node]

    for node in own:
        visit(node)
    return done


def measure(command, macros=()):
    """The deepest path below each function: name to (bytes, names)."""
    with tempfile.TemporaryDirectory() as work:
        source = pathlib.Path(work, "core.c")
        source.write_text("#define OCITAR_NO_HOSTED\n"
                          "#define OCITAR_IMPLEMENTATION\n"
                          '#include "ocitar.h"\n')
        subprocess.run(command + ["-std=c99", "-Os", "-ffreestanding", "-I.",
                                  "-fcallgraph-info=su", "-c", "-o",
                                  f"{work}/core.o", str(source)]
                       + [f"-DOCITAR_{m}" for m in macros], check=True)
        own, calls = read(pathlib.Path(work, "core.ci").read_text())
    return deepest(own, calls)


def main(command):
    done = measure(command)
    for name in ("ocitar_blob_commit", "ocitar_image_end", "ocitar_index_end",
                 "ocitar_checker_push", "ocitar_checker_end"):
        print(f"{done[name][0]:6} bytes  {name}")
    print(f"{done['ocitar_reader_push'][0]:6} bytes  more, at most, where a "
          "layer's tar is read")
    size, path = max(done.values())
    print(f"{size:6} bytes  deepest: " + " > ".join(plain(n) for n in path))


if __name__ == "__main__":
    main(sys.argv[1:] or ["gcc"])
