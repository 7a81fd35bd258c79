/* whiteouts LOOK ARCH FILE - an image of three layers, made with ocitar.h:
   LOOK, a static program, and files; then whiteouts of a file, a directory,
   links, long and odd names, and an opaque directory; then a directory again
   that was hidden. consumers.sh makes the same out of tars. */
#define OCITAR_IMPLEMENTATION
#include "ocitar.h"
#include <stdio.h>
#include <string.h>

#define TEN "0123456789"
#define LONG "data/" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static uint8_t program[4 << 20];
static char buffer[65536];
static ocitar_archive archive;
static ocitar_image image;
static ocitar_descriptor pool[8];
static ocitar_layer layer;

static int file(const char *name, const char *text)
{
    return ocitar_layer_file(&layer, name, 0644, text, strlen(text));
}

static void lower(size_t size)
{
    ocitar_layer_dir(&layer, "bin", 0755);
    ocitar_layer_file(&layer, "bin/look", 0755, program, size);
    ocitar_layer_dir(&layer, "data", 0755);
    file("data/.hidden", "hidden\n");
    file(LONG, "a long name\n");
    file("data/changed", "a file\n");
    ocitar_layer_dir(&layer, "data/dir", 0755);
    file("data/dir/a", "a\n");
    ocitar_layer_dir(&layer, "data/dir/sub", 0755);
    file("data/dir/sub/b", "b\n");
    file("data/file", "old\n");
    file("data/kept", "kept\n");
    ocitar_layer_link(&layer, "data/hard", "data/kept");
    ocitar_layer_symlink(&layer, "data/link", "kept");
    ocitar_layer_dir(&layer, "data/opaque", 0755);
    ocitar_layer_dir(&layer, "data/opaque/deep", 0755);
    file("data/opaque/deep/x", "x\n");
    file("data/opaque/old", "old\n");
    ocitar_layer_dir(&layer, "data/swap", 0755);
    file("data/swap/in", "in\n");
    ocitar_layer_dir(&layer, "data/wide", 0755);
    file("data/wide/\xe2\x98\x83", "snow\n");
}

static void upper(void)
{
    ocitar_layer_dir(&layer, "data", 0755);
    ocitar_layer_whiteout(&layer, "data/.hidden");
    ocitar_layer_whiteout(&layer, LONG);
    ocitar_layer_whiteout(&layer, "data/dir");
    ocitar_layer_whiteout(&layer, "data/file");
    ocitar_layer_whiteout(&layer, "data/hard");
    ocitar_layer_whiteout(&layer, "data/link");
    ocitar_layer_dir(&layer, "data/changed", 0755);
    file("data/changed/in", "in a directory\n");
    ocitar_layer_dir(&layer, "data/opaque", 0755);
    ocitar_layer_opaque(&layer, "data/opaque");
    file("data/opaque/new", "new\n");
    file("data/swap", "a file now\n");
    ocitar_layer_dir(&layer, "data/wide", 0755);
    ocitar_layer_whiteout(&layer, "data/wide/\xe2\x98\x83");
}

static void third(const char *arch)
{
    ocitar_layer_dir(&layer, "data", 0755);
    ocitar_layer_dir(&layer, "data/dir", 0755);
    file("data/dir/again", arch); /* tells platforms apart */
}

static void write_image(ocitar_layout *layout, const char *arch, size_t size)
{
    static const char *const command[] = { "/bin/look", "/data" };
    ocitar_index index;
    ocitar_index_desc index_desc = OCITAR_ZERO;
    ocitar_image_desc desc = OCITAR_ZERO;

    index_desc.descriptors = pool;
    index_desc.capacity = sizeof pool / sizeof pool[0];
    desc.reference = "localhost/whiteouts:1";
    desc.platform.os = "linux";
    desc.platform.architecture = arch;
    desc.cmd = command;
    desc.cmd_count = 2;
    ocitar_index_begin(&index, layout, &index_desc);
    ocitar_image_begin(&image, &index, &desc);
    ocitar_layer_begin(&layer, &image, NULL);
    lower(size);
    ocitar_layer_end(&layer);
    ocitar_layer_begin(&layer, &image, NULL);
    upper();
    ocitar_layer_end(&layer);
    ocitar_layer_begin(&layer, &image, NULL);
    third(arch);
    ocitar_layer_end(&layer);
    ocitar_image_end(&image);
    ocitar_index_end(&index);
}

int main(int argc, char **argv)
{
    ocitar_archive_desc archive_desc = OCITAR_ZERO;
    ocitar_output output = OCITAR_ZERO;
    ocitar_layout layout;
    char why[OCITAR_ERROR_MAX];
    size_t size;
    FILE *f;

    if (argc != 4 || (f = fopen(argv[1], "rb")) == NULL)
        return 2;
    size = fread(program, 1, sizeof program, f);
    fclose(f);
    if (ocitar_output_open(&output, argv[3], NULL) != OCITAR_OK)
        return 1;
    ocitar_fd_sink(&output.fd, &archive_desc.sink);
    archive_desc.buffer = buffer;
    archive_desc.buffer_size = sizeof buffer;
    ocitar_archive_begin(&archive, &archive_desc);
    ocitar_layout_begin(&layout, &archive, NULL);
    write_image(&layout, argv[2], size);
    if (ocitar_archive_finish(&archive) == OCITAR_OK &&
        ocitar_output_commit(&output, 0, NULL) == OCITAR_OK)
        return 0;
    ocitar_error_format(ocitar_archive_error(&archive), why, sizeof why);
    fprintf(stderr, "whiteouts: %s\n", why);
    ocitar_output_abandon(&output);
    return 1;
}
