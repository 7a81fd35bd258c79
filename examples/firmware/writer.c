/* writer.c - a device sends firmware that it holds as an OCI artifact, over a
   serial line: no heap, no C library, no way to seek, 512 bytes to write from.

   A blob's digest stands before its bytes, so it must be known: with WAY KNOWN
   the firmware is hashed first and everything is said once. With REHEARSE all
   is said twice, and the first time goes nowhere: then the metadata comes
   first, and who listens can hang up early. */

#define OCITAR_NO_HOSTED
#define OCITAR_WRITER_ONLY
#define OCITAR_NO_SHA512
#define OCITAR_NO_PAX
#define OCITAR_SMALL
#define OCITAR_IMPLEMENTATION
#include "ocitar.h"
#include "board.h"

enum { BLOBS = 1, PIECE = 256 };

#ifdef KNOWN
static const uint8_t way = OCITAR_WAIT_KNOWN;
#else
static const uint8_t way = OCITAR_WAIT_REHEARSE;
#endif

static struct device {
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_index index;
    ocitar_image image;
    ocitar_blob blob;
    ocitar_rehearsal rehearsal;
    ocitar_rehearsed table[BLOBS];
    ocitar_descriptor pool[BLOBS + 1];
    uint8_t output[512];
} device;

static int send_bytes(void *user, const void *data, size_t len)
{
    const uint8_t *p = (const uint8_t *)data;

    (void)user;
    while (len-- > 0)
        board_send(BOARD_ARCHIVE, *p++);
    return 0;
}

/* In pieces, as if it came out of a chip that is not mapped. */
static int write_content(uint64_t size)
{
    uint64_t at;
    int e = OCITAR_OK;

    for (at = 0; at < size && e == OCITAR_OK; at += PIECE)
        e = ocitar_blob_write(&device.blob, content + at,
                              size - at < PIECE ? (size_t)(size - at) : PIECE);
    return e;
}

static int send_firmware(ocitar_descriptor *d)
{
    ocitar_wait wait = OCITAR_ZERO;
    int e = OCITAR_OK;

    d->size = (uint64_t)(content_end - content);
    wait.way = way;
    wait.size = d->size;
    if (way == OCITAR_WAIT_KNOWN)
        e = ocitar_digest_of(&wait.digest, OCITAR_SHA256, content,
                             (size_t)d->size);
    if (e == OCITAR_OK)
        e = ocitar_blob_begin(&device.blob, &device.layout, 0, &wait);
    if (e == OCITAR_OK)
        e = write_content(d->size);
    if (e == OCITAR_OK)
        e = ocitar_blob_commit(&device.blob, d->size, NULL);
    if (e == OCITAR_OK)
        e = ocitar_blob_digest(&device.blob, &d->digest);
    return e == OCITAR_OK ? ocitar_blob_close(&device.blob) : e;
}

static int send_artifact(void)
{
    static const ocitar_pair title = {
        "org.opencontainers.image.title", "firmware.bin", 0, 0
    };
    ocitar_image_desc desc = OCITAR_ZERO;
    ocitar_descriptor firmware = OCITAR_ZERO;
    int e;

    desc.reference = "devices/pump:7";
    desc.artifact_type = "application/vnd.example.firmware.v1";
    desc.platform.architecture = "arm";
    desc.platform.variant = "v6";
    desc.platform.os = "unknown";
    firmware.media_type = "application/octet-stream";
    firmware.annotations = &title;
    firmware.annotation_count = 1;
    e = ocitar_image_begin(&device.image, &device.index, &desc);
    if (e == OCITAR_OK)
        e = send_firmware(&firmware);
    if (e == OCITAR_OK)
        e = ocitar_image_layer(&device.image, &firmware);
    return e == OCITAR_OK ? ocitar_image_end(&device.image) : e;
}

static int send_archive(int for_real)
{
    ocitar_archive_desc archive = OCITAR_ZERO;
    ocitar_layout_desc layout = OCITAR_ZERO;
    ocitar_index_desc index = OCITAR_ZERO;
    int e;

    archive.sink.put_fn = for_real ? send_bytes : NULL;
    archive.buffer = device.output;
    archive.buffer_size = sizeof device.output;
    index.descriptors = device.pool;
    index.capacity = BLOBS + 1;
    index.no_docker = 1;
    if (way == OCITAR_WAIT_REHEARSE) {
        layout.rehearsal = &device.rehearsal;
        index.metadata_first = 1;
    }
    e = ocitar_archive_begin(&device.archive, &archive);
    if (e == OCITAR_OK)
        e = ocitar_layout_begin(&device.layout, &device.archive, &layout);
    if (e == OCITAR_OK)
        e = ocitar_index_begin(&device.index, &device.layout, &index);
    if (e == OCITAR_OK)
        e = send_artifact();
    if (e == OCITAR_OK)
        e = ocitar_index_end(&device.index);
    return e == OCITAR_OK ? ocitar_archive_finish(&device.archive) : e;
}

static int send_all(void)
{
    int e = OCITAR_OK;

    if (way == OCITAR_WAIT_REHEARSE) {
        device.rehearsal.table = device.table;
        device.rehearsal.capacity = BLOBS;
        e = send_archive(0);
        ocitar_rehearsal_play(&device.rehearsal);
    }
    return e == OCITAR_OK ? send_archive(1) : e;
}

/* Silent if all went well: the board may have one line for all. */
int main(void)
{
    int e = send_all();

    if (e != OCITAR_OK) {
        say("\nFAIL: ");
        say(ocitar_error_text(e));
        say("\n");
    }
#ifdef MEASURE
    say("memory ");
    say_number(sizeof device);
    say(", stack ");
    say_number(board_stack());
    say("\n");
#endif
    return 0;
}
