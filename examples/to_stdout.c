/* to_stdout.c - an image with two files and a config, into a pipe:

       ./to_stdout | podman load
       ./to_stdout >image.tar

   A pipe cannot be patched, so the layer waits until its digest is known: in
   heap memory up to a limit, and what is more in a temporary file. Every
   result is checked where it comes.                                       */

#define OCITAR_IMPLEMENTATION
#include "ocitar.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char script[] = "#!/bin/sh\n"
                             "echo \"$GREETING\"\n"
                             "cat /etc/numbers\n";

/* A file that is too big for the 64 KiB of memory below. */
enum { LINES = 20000, LINE_SIZE = 8 };

static int add_numbers(ocitar_layer *layer)
{
    ocitar_entry entry = OCITAR_ZERO;
    char line[16];
    int i, e;

    entry.name = "etc/numbers";
    entry.mode = 0644;
    entry.size = LINES * LINE_SIZE;
    e = ocitar_layer_entry(layer, &entry);
    for (i = 0; e == OCITAR_OK && i < LINES; i++) {
        snprintf(line, sizeof line, "%7d\n", i);
        e = ocitar_layer_write(layer, line, LINE_SIZE);
    }
    return e;
}

static int add_layer(ocitar_image *image, ocitar_spool *spool)
{
    ocitar_layer_desc desc = OCITAR_ZERO;
    ocitar_layer layer;
    int e;

    desc.wait.way = OCITAR_WAIT_SPOOL;
    desc.wait.spool = spool;
    e = ocitar_layer_begin(&layer, image, &desc);
    if (e == OCITAR_OK)
        e = ocitar_layer_dir(&layer, "bin", 0755);
    if (e == OCITAR_OK)
        e = ocitar_layer_file(&layer, "bin/greet", 0755, script,
                              sizeof script - 1);
    if (e == OCITAR_OK)
        e = ocitar_layer_dir(&layer, "etc", 0755);
    if (e == OCITAR_OK)
        e = add_numbers(&layer);
    return e == OCITAR_OK ? ocitar_layer_end(&layer) : e;
}

static int add_image(ocitar_index *index, ocitar_spool *spool)
{
    static const char *const cmd[] = {"/bin/greet"};
    static const char *const env[] = {"PATH=/bin", "GREETING=hello"};
    static const ocitar_pair labels[] = {
        {"org.opencontainers.image.title", "to_stdout", 0, 0}};
    ocitar_image_desc desc = OCITAR_ZERO;
    ocitar_image image;
    int e;

    desc.reference = "localhost/to_stdout:1";
    desc.cmd = cmd;
    desc.cmd_count = 1;
    desc.env = env;
    desc.env_count = 2;
    desc.labels = labels;
    desc.label_count = 1;
    e = ocitar_image_begin(&image, index, &desc);
    if (e == OCITAR_OK)
        e = add_layer(&image, spool);
    return e == OCITAR_OK ? ocitar_image_end(&image) : e;
}

static int write_archive(ocitar_archive *archive, ocitar_spool *spool)
{
    static char buffer[65536];
    ocitar_archive_desc archive_desc = OCITAR_ZERO;
    ocitar_index_desc index_desc = OCITAR_ZERO;
    ocitar_descriptor pool[2]; /* one layer, one image */
    ocitar_layout layout;
    ocitar_index index;
    ocitar_fd out;
    int e;

    ocitar_fd_begin(&out, STDOUT_FILENO);
    ocitar_fd_sink(&out, &archive_desc.sink);
    archive_desc.buffer = buffer;
    archive_desc.buffer_size = sizeof buffer;
    index_desc.descriptors = pool;
    index_desc.capacity = 2;
    e = ocitar_archive_begin(archive, &archive_desc);
    if (e == OCITAR_OK)
        e = ocitar_layout_begin(&layout, archive, NULL);
    if (e == OCITAR_OK)
        e = ocitar_index_begin(&index, &layout, &index_desc);
    if (e == OCITAR_OK)
        e = add_image(&index, spool);
    if (e == OCITAR_OK)
        e = ocitar_index_end(&index);
    return e == OCITAR_OK ? ocitar_archive_finish(archive) : e;
}

/* In words; of a fault of the system, in its words. */
static void complain(const ocitar_archive *archive)
{
    const ocitar_error *error = ocitar_archive_error(archive);
    char why[OCITAR_ERROR_MAX];

    ocitar_error_format(error, why, sizeof why);
    fprintf(stderr, "to_stdout: %s%s%s\n", why,
            error->user_code != 0 ? ": " : "",
            error->user_code != 0 ? strerror(error->user_code) : "");
}

int main(void)
{
    ocitar_archive archive = OCITAR_ZERO;
    ocitar_spool_desc desc = OCITAR_ZERO;
    ocitar_allocator heap;
    ocitar_store store;
    ocitar_temp temp;
    ocitar_spool spool;
    int e;

    if (fcntl(STDOUT_FILENO, F_GETFD) < 0) { /* the next file would get it */
        perror("to_stdout: standard output");
        return 1;
    }
    if (isatty(STDOUT_FILENO)) {
        fputs("to_stdout: a tar is not written to a terminal\n", stderr);
        return 1;
    }
    ocitar_heap(&heap);
    ocitar_temp_begin(&temp, NULL);
    ocitar_temp_store(&temp, &store);
    desc.allocator = &heap;
    desc.memory_limit = 65536;
    desc.store = &store;
    e = ocitar_spool_begin(&spool, &desc);
    if (e == OCITAR_OK)
        e = write_archive(&archive, &spool);
    if (e != OCITAR_OK)
        complain(&archive);
    ocitar_spool_end(&spool);
    ocitar_temp_end(&temp);
    return e == OCITAR_OK ? 0 : 1;
}
