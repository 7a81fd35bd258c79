/* fuzz.h - what the fuzz targets share. Each is a LLVMFuzzerTestOneInput, run
   by libFuzzer (tests/fuzz.sh) and, over the corpus, by tests/fuzz/replay.c. */

#ifndef FUZZ_H
#define FUZZ_H

#include "ocitar.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the input is. */
#define MUST(condition)                                                       \
    do {                                                                      \
        if (!(condition)) {                                                   \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);   \
            abort();                                                          \
        }                                                                     \
    } while (0)

#endif
