/* firmware FILE - what a device maker ships, in one archive: the firmware of
   two boards, for each a bill of materials and a signature that point at it.

   All are OCI artifacts, so that any registry can carry them; `oras` and
   `skopeo` read the archive as an OCI layout. The contents are stand-ins. */

#define OCITAR_IMPLEMENTATION
#include "ocitar.h"
#include <stdio.h>
#include <string.h>

enum { BOARDS = 2, EACH = 3, POOL = BOARDS * EACH * 2 };

typedef struct board {
    const char *reference;
    const char *architecture;
    const char *variant;
    const char *firmware;
} board;

static ocitar_archive archive;
static ocitar_layout layout;
static ocitar_index image_index;
static ocitar_descriptor pool[POOL];

/* Puts a blob into the layout and describes it, with its file name. */
static int add_blob(ocitar_image *image, const char *media_type,
                    const char *body, const ocitar_pair *title)
{
    ocitar_descriptor d = OCITAR_ZERO;
    int e = ocitar_blob_put(&layout, 0, body, strlen(body), &d.digest);

    d.media_type = media_type;
    d.size = strlen(body);
    d.annotations = title;
    d.annotation_count = 1;
    return e == OCITAR_OK ? ocitar_image_layer(image, &d) : e;
}

/* An artifact of one file; about `subject`, if there is one. */
static int add_artifact(ocitar_image *image, ocitar_image_desc *desc,
                        const char *media_type, const char *body,
                        const ocitar_pair *title)
{
    int e = ocitar_image_begin(image, &image_index, desc);

    if (e == OCITAR_OK)
        e = add_blob(image, media_type, body, title);
    return e == OCITAR_OK ? ocitar_image_end(image) : e;
}

static int add_board(const board *b)
{
    static const char title[] = "org.opencontainers.image.title";
    static const ocitar_pair firmware_title = { title, "firmware.bin", 0, 0 };
    static const ocitar_pair sbom_title = { title, "sbom.spdx.json", 0, 0 };
    static const ocitar_pair signature_title = { title, "firmware.sig", 0, 0 };
    ocitar_image firmware, about;
    ocitar_image_desc desc = OCITAR_ZERO;
    ocitar_image_desc sbom = OCITAR_ZERO, signature = OCITAR_ZERO;
    int e;

    desc.reference = b->reference;
    desc.artifact_type = "application/vnd.example.firmware.v1";
    desc.platform.architecture = b->architecture;
    desc.platform.variant = b->variant;
    desc.platform.os = "unknown";
    e = add_artifact(&firmware, &desc, "application/octet-stream", b->firmware,
                     &firmware_title);
    sbom.artifact_type = "application/spdx+json";
    sbom.subject = ocitar_image_descriptor(&firmware);
    if (e == OCITAR_OK)
        e = add_artifact(&about, &sbom, "application/spdx+json",
                         "{\"spdxVersion\":\"SPDX-2.3\"}", &sbom_title);
    signature.artifact_type = "application/vnd.example.signature.v1";
    signature.subject = ocitar_image_descriptor(&firmware);
    if (e == OCITAR_OK)
        e = add_artifact(&about, &signature, "application/octet-stream",
                         b->reference, &signature_title);
    return e;
}

static int write_all(ocitar_output *output)
{
    static const board boards[BOARDS] = {
        { "devices/pump:7-v6", "arm", "v6", "the pump's small board\n" },
        { "devices/pump:7-v8", "arm64", "v8", "the pump's large board\n" }
    };
    static uint8_t buffer[65536];
    static ocitar_key keys[64]; /* equal blobs are written once */
    ocitar_archive_desc archive_desc = OCITAR_ZERO;
    ocitar_layout_desc layout_desc = OCITAR_ZERO;
    ocitar_index_desc index_desc = OCITAR_ZERO;
    int e, i;

    ocitar_fd_sink(&output->fd, &archive_desc.sink);
    archive_desc.buffer = buffer;
    archive_desc.buffer_size = sizeof buffer;
    layout_desc.keys = keys;
    layout_desc.key_count = 64;
    index_desc.descriptors = pool;
    index_desc.capacity = POOL;
    index_desc.no_docker = 1; /* docker runs none of this */
    e = ocitar_archive_begin(&archive, &archive_desc);
    if (e == OCITAR_OK)
        e = ocitar_layout_begin(&layout, &archive, &layout_desc);
    if (e == OCITAR_OK)
        e = ocitar_index_begin(&image_index, &layout, &index_desc);
    for (i = 0; i < BOARDS && e == OCITAR_OK; i++)
        e = add_board(&boards[i]);
    if (e == OCITAR_OK)
        e = ocitar_index_end(&image_index);
    return e == OCITAR_OK ? ocitar_archive_finish(&archive) : e;
}

int main(int argc, char **argv)
{
    ocitar_output output;
    char why[OCITAR_ERROR_MAX];
    int code = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: firmware FILE|-\n");
        return 2;
    }
    if (ocitar_output_open(&output, argv[1], &code) != OCITAR_OK) {
        fprintf(stderr, "firmware: %s: %s\n", argv[1], strerror(code));
        return 1;
    }
    if (write_all(&output) != OCITAR_OK) {
        ocitar_error_format(ocitar_archive_error(&archive), why, sizeof why);
        fprintf(stderr, "firmware: %s\n", why);
        ocitar_output_abandon(&output);
        return 1;
    }
    if (ocitar_output_commit(&output, 1, &code) != OCITAR_OK) {
        fprintf(stderr, "firmware: %s: %s\n", argv[1], strerror(code));
        return 1;
    }
    return 0;
}
