/* Adds up what a device must set aside: structs and buffers, without stack. */

#define OCITAR_NO_HOSTED
#include "ocitar.h"
#include <stdio.h>

static int over;

static void row(const char *use, size_t bytes, size_t most)
{
    printf("%-44s %5lu of %5lu\n", use, (unsigned long)bytes,
           (unsigned long)most);
    if (bytes > most)
        over = 1;
}

int main(void)
{
    const size_t archive = sizeof(ocitar_archive) + 512;
    const size_t layout = sizeof(ocitar_layout);

    row("a blob of known size and digest to a UART",
        archive + layout + sizeof(ocitar_blob), 1228);
    row("an image of four layers, rehearsed",
        archive + layout + sizeof(ocitar_index) + sizeof(ocitar_image) +
            sizeof(ocitar_layer) + 5 * sizeof(ocitar_descriptor) +
            sizeof(ocitar_rehearsal) + 4 * sizeof(ocitar_rehearsed),
        4096);
    row("the checker with 16 references",
        sizeof(ocitar_checker) + 16 * sizeof(ocitar_slot) + 768, 4096);
    row("the checker with 64 references",
        sizeof(ocitar_checker) + 64 * sizeof(ocitar_slot) + 768, 8192);
    return over;
}
