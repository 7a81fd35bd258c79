/* checker.c - a device checks an archive that lies in its flash, puts the
   firmware out of it into the slot, and starts it: a boot loader's work.

   The archive is read twice. The first time nothing is believed and nothing is
   written; only if the whole of it is good, and names the manifest that this
   device expects, the second time programs the slot, through the checker's tap.
   So no byte that was not vouched for ever stands there, and it does not matter
   whether the archive has its metadata first. */

#define OCITAR_NO_HOSTED
#define OCITAR_CHECKER_ONLY
#define OCITAR_CHECKER_CORE
#define OCITAR_NO_SHA512
#define OCITAR_SMALL
#define OCITAR_IMPLEMENTATION
#include "ocitar.h"
#include "board.h"

enum { SLOTS = 16, NAMES = 32, PIECE = 256 };

/* All the memory that there is, but for the stack. */
static struct device {
    ocitar_checker checker;
    ocitar_slot slots[SLOTS]; /* blobs, and references to them */
    uint64_t names[NAMES];    /* of JSON objects, to find a name twice */
    uint8_t strings[768];
    ocitar_digest manifest;   /* the one that is expected */
    ocitar_digest firmware;   /* its first layer */
    size_t written;
} device;

static int found(void *user, const ocitar_finding *finding)
{
    (void)user;
    if (finding->severity == OCITAR_ERROR) {
        say("rule ");
        say_number(finding->rule);
        say(": ");
        say(finding->text);
        say("\n");
    }
    return 0;
}

/* A reference passes. What other documents say is nothing to this device:
   anybody can put them beside. */
static int announced(void *user, const ocitar_claim *claim)
{
    (void)user;
    if (claim->document != NULL && claim->role == OCITAR_ROLE_LAYER &&
        claim->position == 0 &&
        ocitar_digest_equal(claim->document, &device.manifest))
        device.firmware = claim->digest;
    return 0;
}

/* A blob begins: is it the one for the slot, and does it fit? */
static int wanted(void *user, const ocitar_digest *digest, uint64_t size)
{
    (void)user;
    if (!ocitar_digest_equal(digest, &device.firmware))
        return 0;
    return size <= (uint64_t)(slot_end - slot) ? 1 : 2;
}

static int program(void *user, const void *data, size_t len)
{
    const uint8_t *p = (const uint8_t *)data;

    (void)user;
    while (len-- > 0)
        slot[device.written++] = *p++;
    return 0;
}

static void erase(void)
{
    uint8_t *p;

    for (p = slot; p < slot_end; p++)
        *p = 0xff;
}

static int read_archive(int programming)
{
    ocitar_checker_desc desc = OCITAR_ZERO;
    const uint8_t *p = content;
    int e;

    desc.slots = device.slots;
    desc.slot_count = SLOTS;
    desc.seen = device.names;
    desc.seen_count = NAMES;
    desc.buffer = device.strings;
    desc.buffer_size = sizeof device.strings;
    desc.expected = device.manifest;
    desc.core = 1; /* what a device must know */
    desc.claim_fn = announced;
    desc.finding_fn = found;
    if (programming) {
        desc.blob_fn = wanted;
        desc.tap_fn = program;
    }
    e = ocitar_checker_begin(&device.checker, &desc);
    while (p < content_end && e == OCITAR_OK) {
        size_t left = (size_t)(content_end - p);
        size_t n = left < PIECE ? left : PIECE;

        e = ocitar_checker_push(&device.checker, p, n);
        p += n;
    }
    return ocitar_checker_end(&device.checker);
}

/* What is in the slot is what the manifest says: the last look. */
static int slot_is_good(void)
{
    ocitar_digest digest;

    return device.written > 0 &&
           ocitar_digest_of(&digest, OCITAR_SHA256, slot, device.written) ==
               OCITAR_OK &&
           ocitar_digest_equal(&digest, &device.firmware);
}

static int install(void)
{
    int e = ocitar_digest_parse(&device.manifest, expected, 0);

    if (e == OCITAR_OK)
        e = read_archive(0);
    if (e == OCITAR_OK)
        e = read_archive(1);
    if (e == OCITAR_OK && !slot_is_good())
        e = OCITAR_E_DIGEST;
    return e;
}

/* The update begins as if it were reset: with its own vectors' first two. */
static void start(void)
{
    const uint32_t *vectors = (const uint32_t *)(const void *)slot;

    __asm__ volatile("msr msp, %0\n\tbx %1"
                     :
                     : "r"(vectors[0]), "r"(vectors[1])
                     : "memory");
}

int main(void)
{
    int e;

    erase();
    e = install();
    if (e != OCITAR_OK) {
        erase();
        say("FAIL: ");
        say(ocitar_error_text(e));
        say("\n");
        return 1;
    }
    say("PASS: ");
    say_number(device.written);
    say(" bytes in the slot, memory ");
    say_number(sizeof device);
    say(", stack ");
    say_number(board_stack());
    say("\n");
    start();
    return 0;
}
