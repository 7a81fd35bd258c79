/* ota_verify [DIGEST] <ARCHIVE - a device checks an update before it installs
   it, while the update comes in.

   The archive passes once, in pieces of 1 KiB. The first layer's bytes go into
   the spare slot as they pass, and the verdict comes last: only then may the
   slot be started. With metadata first (uart_image, ocitar_index_desc) the
   first layer is known before it comes; an archive that begins with its blobs
   is checked likewise, but nothing can be taken out of it.

   DIGEST is the manifest that the device was told of by someone it trusts.

   Here the radio is standard input, and the slot is the file slot.bin. */

#define OCITAR_NO_HOSTED
#define OCITAR_IMPLEMENTATION
#include "ocitar.h"
#include <stdio.h>

enum { SLOTS = 32, NAMES = 32 };

/* All the memory that there is, but for the stack. */
static struct device {
    ocitar_checker checker;
    ocitar_slot slots[SLOTS];  /* blobs, references, diffIDs */
    uint64_t names[NAMES];     /* of JSON objects, to find a name twice */
    uint8_t strings[768];
    uint8_t radio[1024];
    ocitar_digest manifest;    /* the one that is trusted */
    ocitar_digest payload;     /* its first layer, once it is announced */
    uint32_t written;
} device;

typedef char device_has_8_KiB[sizeof(struct device) <= 8192 ? 1 : -1];

static FILE *slot;

/* A reference passes in a document. What other documents say is nothing to
   this device: anybody can put them beside. */
static int announced(void *user, const ocitar_claim *claim)
{
    (void)user;
    if (claim->document == NULL) { /* index.json's first, if none is trusted */
        if (claim->role == OCITAR_ROLE_MANIFEST && claim->position == 0 &&
            device.manifest.algorithm == 0)
            device.manifest = claim->digest;
    } else if (claim->role == OCITAR_ROLE_LAYER && claim->position == 0 &&
               ocitar_digest_equal(claim->document, &device.manifest)) {
        device.payload = claim->digest;
    }
    return 0;
}

/* A blob begins: is it the one for the slot? */
static int wanted(void *user, const ocitar_digest *digest, uint64_t size)
{
    (void)user;
    (void)size;
    return ocitar_digest_equal(digest, &device.payload);
}

/* Its bytes, which nobody has vouched for yet. */
static int program(void *user, const void *data, size_t len)
{
    (void)user;
    device.written += (uint32_t)len;
    return fwrite(data, 1, len, slot) == len ? 0 : 2;
}

static int found(void *user, const ocitar_finding *finding)
{
    static const char *const severities[] = { "note", "warning", "error" };

    (void)user;
    fprintf(stderr, "ota_verify: %s, rule %d: %s\n",
            severities[finding->severity], finding->rule, finding->text);
    return 0;
}

/* Everything that comes in, and what to make of it. */
static int receive(const char *expected)
{
    ocitar_checker_desc desc = OCITAR_ZERO;
    size_t n;
    int e = OCITAR_OK;

    desc.slots = device.slots;
    desc.slot_count = SLOTS;
    desc.seen = device.names;
    desc.seen_count = NAMES;
    desc.buffer = device.strings;
    desc.buffer_size = sizeof device.strings;
    desc.claim_fn = announced;
    desc.blob_fn = wanted;
    desc.tap_fn = program;
    desc.finding_fn = found;
    desc.core = 1; /* what a device must know */
    if (expected != NULL)
        e = ocitar_digest_parse(&desc.expected, expected, 0);
    device.manifest = desc.expected;
    if (e == OCITAR_OK)
        e = ocitar_checker_begin(&device.checker, &desc);
    if (e != OCITAR_OK)
        return e;
    while ((n = fread(device.radio, 1, sizeof device.radio, stdin)) > 0)
        if (ocitar_checker_push(&device.checker, device.radio, n) != OCITAR_OK)
            break; /* no need to hear the rest */
    return ocitar_checker_end(&device.checker);
}

int main(int argc, char **argv)
{
    int e;

    slot = fopen("slot.bin", "wb");
    if (slot == NULL) {
        perror("ota_verify: slot.bin");
        return 1;
    }
    e = receive(argc > 1 ? argv[1] : NULL);
    if (fclose(slot) != 0 && e == OCITAR_OK)
        e = OCITAR_E_HOOK;
    if (e != OCITAR_OK || device.written == 0) {
        fprintf(stderr, "ota_verify: not installed: %s\n",
                e != OCITAR_OK ? ocitar_error_text(e)
                               : "no layer that was announced came");
        remove("slot.bin"); /* a device would erase it */
        return 1;
    }
    printf("%lu bytes for the slot are good, checked in %lu bytes of memory\n",
           (unsigned long)device.written, (unsigned long)sizeof device);
    return 0;
}
