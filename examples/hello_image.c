/* hello_image.c - the quick start of ocitar.h, to build and run.

   Writes an image with one file in it to standard output:

       ./hello_image >hello.tar
       ./hello_image | docker load                                         */

#define OCITAR_IMPLEMENTATION
#include "ocitar.h"
#include <stdio.h>

int main(void)
{
    static char output[65536], waiting[65536];
    static const char text[] = "hello, world\n";
    ocitar_fd out;
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_index index;
    ocitar_image image;
    ocitar_layer layer;
    ocitar_spool spool;
    ocitar_descriptor pool[2]; // one for each layer, one for each image
    char why[OCITAR_ERROR_MAX];
    ocitar_archive_desc archive_desc = OCITAR_ZERO;
    ocitar_index_desc index_desc = OCITAR_ZERO;
    ocitar_image_desc image_desc = OCITAR_ZERO;
    ocitar_layer_desc layer_desc = OCITAR_ZERO;

    ocitar_fd_begin(&out, 1);
    ocitar_fd_sink(&out, &archive_desc.sink);
    archive_desc.buffer = output;
    archive_desc.buffer_size = sizeof output;
    index_desc.descriptors = pool;
    index_desc.capacity = 2;
    image_desc.reference = "localhost/hello:latest";
    layer_desc.wait.spool = &spool; // where the layer waits for its digest

    ocitar_spool_begin_buffer(&spool, waiting, sizeof waiting);
    ocitar_archive_begin(&archive, &archive_desc);
    ocitar_layout_begin(&layout, &archive, NULL);
    ocitar_index_begin(&index, &layout, &index_desc);
    ocitar_image_begin(&image, &index, &image_desc);
    ocitar_layer_begin(&layer, &image, &layer_desc);
    ocitar_layer_file(&layer, "hello.txt", 0644, text, sizeof text - 1);
    ocitar_layer_end(&layer);
    ocitar_image_end(&image);
    ocitar_index_end(&index);
    if (ocitar_archive_finish(&archive) == OCITAR_OK)
        return 0; // one check at the end: the first error is kept
    ocitar_error_format(ocitar_archive_error(&archive), why, sizeof why);
    fprintf(stderr, "hello_image: %s\n", why);
    return 1;
}
