/* core.c FILE... - what the checker's core rules find in each archive, once as
   it is and then with each of its bytes wrong in turn: all of it as one digest.

   A build with OCITAR_CHECKER_CORE must print the same as one without, where
   only the checker's `core` is set. */
#define OCITAR_IMPLEMENTATION
#define OCITAR_NO_HOSTED
#include "ocitar.h"
#include <stdio.h>
#include <string.h>

enum { SLOTS = 64, SEEN = 256, LARGEST = 65536 };

static ocitar_digester found;
static unsigned long findings;

static int on_finding(void *user, const ocitar_finding *f)
{
    uint8_t what[3];

    (void)user;
    what[0] = f->rule;
    what[1] = f->severity;
    what[2] = f->kind;
    findings++;
    ocitar_digester_update(&found, what, sizeof what);
    ocitar_digester_update(&found, f->name, f->name_len);
    ocitar_digester_update(&found, &f->digest, sizeof f->digest);
    return ocitar_digester_update(&found, f->text, strlen(f->text));
}

static int on_claim(void *user, const ocitar_claim *claim)
{
    (void)user;
    ocitar_digester_update(&found, &claim->role, sizeof claim->role);
    ocitar_digester_update(&found, &claim->digest, sizeof claim->digest);
    return ocitar_digester_update(&found, &claim->size, sizeof claim->size);
}

static void check(const uint8_t *data, size_t len, uint8_t strict)
{
    static ocitar_checker checker;
    static ocitar_slot slots[SLOTS];
    static uint64_t seen[SEEN];
    static char buffer[2048];
    ocitar_checker_desc desc = OCITAR_ZERO;
    int verdict;

    desc.slots = slots;
    desc.slot_count = SLOTS;
    desc.buffer = buffer;
    desc.buffer_size = sizeof buffer;
    desc.seen = seen;
    desc.seen_count = SEEN;
    desc.core = 1;
    desc.strict = strict;
    desc.finding_fn = on_finding;
    desc.claim_fn = on_claim;
    ocitar_checker_begin(&checker, &desc);
    ocitar_checker_push(&checker, data, len);
    verdict = ocitar_checker_end(&checker);
    ocitar_digester_update(&found, &verdict, sizeof verdict);
}

int main(int argc, char **argv)
{
    static uint8_t data[LARGEST];
    static const uint8_t wrong[] = { 0x01, 0x20, 0x80 };
    char text[OCITAR_DIGEST_TEXT_MAX];
    ocitar_digest digest;
    size_t len, i, k;
    FILE *f;

    ocitar_digester_begin(&found, OCITAR_SHA256, NULL);
    while (--argc > 0) {
        f = fopen(*++argv, "rb");
        len = f != NULL ? fread(data, 1, sizeof data, f) : 0;
        if (len == 0 || len == sizeof data)
            return 1;
        fclose(f);
        check(data, len, 0);
        check(data, len, 1);
        for (i = 0; i < len; i++)
            for (k = 0; k < sizeof wrong; k++) {
                data[i] ^= wrong[k];
                check(data, len, (uint8_t)(i & 1));
                data[i] ^= wrong[k];
            }
    }
    ocitar_digester_end(&found, &digest);
    ocitar_digest_format(&digest, text);
    printf("%lu findings, %s\n", findings, text);
    return findings == 0;
}
