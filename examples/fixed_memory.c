/* fixed_memory.c - an image from a device that has neither heap nor files,
   over a line that only takes bytes: all memory is static, nothing is kept.

       ./fixed_memory image.tar      or, to standard output:
       ./fixed_memory >image.tar

   A layer's size and digest stand before its bytes. So everything is done
   twice: rehearsed first, over no sink at all, which fills a table of sizes
   and digests; then played, when each is known beforehand. The size of the
   whole archive is known then, too. Only main and the "UART" use stdio.   */

#define OCITAR_NO_HOSTED
#define OCITAR_IMPLEMENTATION
#include "ocitar.h"

#include <stdio.h>

enum { LAYERS = 2, SAMPLES = 1000, SAMPLE_SIZE = 8 };

/* All the memory that an image needs, besides the stack. */
static struct {
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_index index;
    ocitar_image image;
    ocitar_layer layer;
    ocitar_descriptor pool[LAYERS + 1];
    ocitar_rehearsed table[LAYERS];
    char buffer[512];
} device;

/* A layer of two files that are in memory. */
static int add_firmware(ocitar_layer *layer)
{
    static const char version[] = "7.1\n";
    static const char settings[] = "interval=60\nunit=celsius\n";
    int e = ocitar_layer_dir(layer, "etc", 0755);

    if (e == OCITAR_OK)
        e = ocitar_layer_file(layer, "etc/version", 0644, version,
                              sizeof version - 1);
    if (e == OCITAR_OK)
        e = ocitar_layer_file(layer, "etc/settings", 0644, settings,
                              sizeof settings - 1);
    return e;
}

/* A layer of one file that is made while it goes out. It must be the same
   both times: a real sensor's samples would have to be frozen first. */
static int add_samples(ocitar_layer *layer)
{
    ocitar_entry entry = OCITAR_ZERO;
    char line[SAMPLE_SIZE];
    long i, n;
    int digit, e;

    entry.name = "samples";
    entry.mode = 0444;
    entry.size = SAMPLES * SAMPLE_SIZE;
    e = ocitar_layer_entry(layer, &entry);
    for (i = 0; e == OCITAR_OK && i < SAMPLES; i++) {
        line[SAMPLE_SIZE - 1] = '\n';
        n = 200000 + i * i % 977;
        for (digit = SAMPLE_SIZE - 2; digit >= 0; digit--, n /= 10)
            line[digit] = (char)('0' + n % 10);
        e = ocitar_layer_write(layer, line, sizeof line);
    }
    return e;
}

static int add_layer(int (*content_fn)(ocitar_layer *layer))
{
    ocitar_layer_desc desc = OCITAR_ZERO;
    int e;

    desc.wait.way = OCITAR_WAIT_REHEARSE;
    e = ocitar_layer_begin(&device.layer, &device.image, &desc);
    if (e == OCITAR_OK)
        e = content_fn(&device.layer);
    return e == OCITAR_OK ? ocitar_layer_end(&device.layer) : e;
}

static int add_image(void)
{
    ocitar_image_desc desc = OCITAR_ZERO;
    int e;

    desc.reference = "localhost/device:7";
    desc.platform.architecture = "arm";
    desc.platform.variant = "v7";
    e = ocitar_image_begin(&device.image, &device.index, &desc);
    if (e == OCITAR_OK)
        e = add_layer(add_firmware);
    if (e == OCITAR_OK)
        e = add_layer(add_samples);
    return e == OCITAR_OK ? ocitar_image_end(&device.image) : e;
}

/* The whole archive: rehearsed with `sink` NULL, then played. */
static int write_archive(const ocitar_sink *sink, ocitar_rehearsal *rehearsal)
{
    ocitar_archive_desc archive_desc = OCITAR_ZERO;
    ocitar_layout_desc layout_desc = OCITAR_ZERO;
    ocitar_index_desc index_desc = OCITAR_ZERO;
    int e;

    if (sink != NULL)
        archive_desc.sink = *sink;
    archive_desc.buffer = device.buffer;
    archive_desc.buffer_size = sizeof device.buffer;
    layout_desc.rehearsal = rehearsal;
    index_desc.descriptors = device.pool;
    index_desc.capacity = LAYERS + 1;
    e = ocitar_archive_begin(&device.archive, &archive_desc);
    if (e == OCITAR_OK)
        e = ocitar_layout_begin(&device.layout, &device.archive, &layout_desc);
    if (e == OCITAR_OK)
        e = ocitar_index_begin(&device.index, &device.layout, &index_desc);
    if (e == OCITAR_OK)
        e = add_image();
    if (e == OCITAR_OK)
        e = ocitar_index_end(&device.index);
    return e == OCITAR_OK ? ocitar_archive_finish(&device.archive) : e;
}

/* The line to the outside: takes all bytes, or returns a code. */
static int uart_put(void *user, const void *data, size_t len)
{
    return fwrite(data, 1, len, (FILE *)user) == len ? 0 : 1;
}

static int send(FILE *file)
{
    ocitar_rehearsal rehearsal = OCITAR_ZERO;
    ocitar_sink uart = OCITAR_ZERO;
    uint64_t size;
    int e;

    rehearsal.table = device.table;
    rehearsal.capacity = LAYERS;
    e = write_archive(NULL, &rehearsal);
    if (e != OCITAR_OK)
        return e;
    size = ocitar_archive_size(&device.archive);
    fprintf(stderr, "fixed_memory: %lu bytes to come, %lu bytes of memory\n",
            (unsigned long)size, (unsigned long)sizeof device);
    ocitar_rehearsal_play(&rehearsal);
    uart.put_fn = uart_put;
    uart.user = file;
    return write_archive(&uart, &rehearsal);
}

int main(int argc, char **argv)
{
    char why[OCITAR_ERROR_MAX];
    FILE *file = argc > 1 ? fopen(argv[1], "wb") : stdout;
    int e;

    if (file == NULL) {
        perror(argv[1]);
        return 1;
    }
    e = send(file);
    if (e != OCITAR_OK) {
        ocitar_error_format(ocitar_archive_error(&device.archive), why,
                            sizeof why);
        fprintf(stderr, "fixed_memory: %s\n", why);
    }
    if (fclose(file) != 0) {
        perror("fixed_memory");
        e = OCITAR_E_SINK;
    }
    return e == OCITAR_OK ? 0 : 1;
}
