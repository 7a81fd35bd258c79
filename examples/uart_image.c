/* uart_image - a device sends an image of itself over a serial line.

   No heap, no file system, no way to seek, and nowhere to keep a layer until
   its digest is known. So everything is said twice: the first run goes
   nowhere and finds sizes and digests, the second one sends. With all known
   beforehand, metadata goes first: whoever listens can hang up early.

   On this host the UART is standard output. */

#define OCITAR_NO_HOSTED
#define OCITAR_IMPLEMENTATION
#include "ocitar.h"
#include <stdio.h>

enum { LAYERS = 2 };

static uint8_t output[512];
static ocitar_rehearsed table[LAYERS];
static ocitar_descriptor pool[LAYERS + 1];
static ocitar_archive archive;
static ocitar_layout layout;
static ocitar_index image_index;
static ocitar_image image;
static ocitar_layer layer;

/* What a driver would do with the transmit register. */
static int uart_send(void *user, const void *data, size_t len)
{
    const uint8_t *p = (const uint8_t *)data;

    (void)user;
    while (len-- > 0)
        if (putchar(*p++) == EOF)
            return 1;
    return 0;
}

/* Two layers from ROM: the firmware, and its settings. */
static int send_layers(void)
{
    static const char firmware[] = "not really a firmware\n";
    static const char settings[] = "baud=115200\n";
    int e = ocitar_layer_begin(&layer, &image, NULL);

    if (e == OCITAR_OK)
        e = ocitar_layer_file(&layer, "firmware.bin", 0644, firmware,
                              sizeof firmware - 1);
    if (e == OCITAR_OK)
        e = ocitar_layer_end(&layer);
    if (e == OCITAR_OK)
        e = ocitar_layer_begin(&layer, &image, NULL);
    if (e == OCITAR_OK)
        e = ocitar_layer_file(&layer, "settings.txt", 0644, settings,
                              sizeof settings - 1);
    return e == OCITAR_OK ? ocitar_layer_end(&layer) : e;
}

static int send_image(ocitar_rehearsal *rehearsal, int for_real)
{
    ocitar_archive_desc archive_desc = OCITAR_ZERO;
    ocitar_layout_desc layout_desc = OCITAR_ZERO;
    ocitar_index_desc index_desc = OCITAR_ZERO;
    ocitar_image_desc image_desc = OCITAR_ZERO;
    int e;

    archive_desc.sink.put_fn = for_real ? uart_send : NULL;
    archive_desc.buffer = output;
    archive_desc.buffer_size = sizeof output;
    layout_desc.rehearsal = rehearsal;
    index_desc.descriptors = pool;
    index_desc.capacity = LAYERS + 1;
    index_desc.metadata_first = 1;
    image_desc.reference = "device/firmware:7";
    image_desc.platform.architecture = "arm";
    image_desc.platform.variant = "v7";
    e = ocitar_archive_begin(&archive, &archive_desc);
    if (e == OCITAR_OK)
        e = ocitar_layout_begin(&layout, &archive, &layout_desc);
    if (e == OCITAR_OK)
        e = ocitar_index_begin(&image_index, &layout, &index_desc);
    if (e == OCITAR_OK)
        e = ocitar_image_begin(&image, &image_index, &image_desc);
    if (e == OCITAR_OK)
        e = send_layers();
    if (e == OCITAR_OK)
        e = ocitar_image_end(&image);
    if (e == OCITAR_OK)
        e = ocitar_index_end(&image_index);
    return e == OCITAR_OK ? ocitar_archive_finish(&archive) : e;
}

static int fail(const char *when)
{
    char why[OCITAR_ERROR_MAX];

    ocitar_error_format(ocitar_archive_error(&archive), why, sizeof why);
    fprintf(stderr, "uart_image: %s: %s\n", when, why);
    return 1;
}

int main(void)
{
    ocitar_rehearsal rehearsal = OCITAR_ZERO;

    rehearsal.table = table;
    rehearsal.capacity = LAYERS;
    if (send_image(&rehearsal, 0) != OCITAR_OK)
        return fail("rehearsal");
    fprintf(stderr, "uart_image: %lu bytes will follow\n",
            (unsigned long)ocitar_archive_size(&archive));
    ocitar_rehearsal_play(&rehearsal);
    if (send_image(&rehearsal, 1) != OCITAR_OK)
        return fail("sending");
    return fflush(stdout) == 0 ? 0 : fail("flush");
}
