/* test_kernels.c - every way to compute SHA-256 gives what the portable one
   does: with the processor's instructions, and two or three messages at once.

     test_kernels [messages]   how many random ones; without it a few, as under
                               an emulator or a memory checker

   Built from the implementation, so that each kernel can be asked for. */

#define OCITAR_STATIC
#include "ocitar.h"
#include "check.h"

static uint8_t kernels[3]; /* what this processor can run */
static size_t kernel_count;
static int thorough;

static uint32_t random_state = 1;

static uint32_t next_random(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

static void fill(unsigned char *p, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++)
        p[i] = (unsigned char)(next_random() & 255);
}

static void find_kernels(void)
{
    uint8_t here = ocitar_i_digest_kernel();

    kernels[kernel_count++] = OCITAR_I_KERNEL_PORTABLE;
    if (here >= 2)
        kernels[kernel_count++] = 2;
    if (here >= 2 && OCITAR_I_KERNEL_LANES >= 3)
        kernels[kernel_count++] = 3;
    printf("kernel %d, %d lanes at most\n", here, (int)OCITAR_I_KERNEL_LANES);
}

static ocitar_digest split_digest(uint8_t kernel, const unsigned char *data,
                                  size_t len, size_t split)
{
    ocitar_digester d;
    ocitar_digest out;

    ocitar_digester_begin(&d, OCITAR_SHA256, NULL);
    d.kernel = kernel;
    ocitar_digester_update(&d, data, split);
    ocitar_digester_update(&d, data + split, len - split);
    ocitar_digester_end(&d, &out);
    return out;
}

static ocitar_digest portable(const unsigned char *data, size_t len)
{
    return split_digest(OCITAR_I_KERNEL_PORTABLE, data, len, 0);
}

/* FIPS 180-4's examples, so that all kernels are not wrong together. */
static void test_known_answers(void)
{
    static const char *const text[3] = {
        "abc", "",
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
    };
    static const char *const want[3] = {
        "sha256:"
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha256:"
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha256:"
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    };
    const void *data[3];
    size_t len[3], i, k;
    char got[OCITAR_DIGEST_TEXT_MAX];
    ocitar_digest out[3];

    for (i = 0; i < 3; i++)
        data[i] = text[i], len[i] = strlen(text[i]);
    for (k = 0; k < kernel_count; k++) {
        ocitar_i_digest_many(kernels[k], out, data, len, 3);
        for (i = 0; i < 3; i++) {
            ocitar_digest_format(&out[i], got);
            CHECK(strcmp(got, want[i]) == 0);
        }
    }
}

/* Each length at each place within a cache line: alone, and in the last lane
   beside others. */
static void test_lengths_and_places(void)
{
    static unsigned char data[64 * (4096 + 64)], plain[4096];
    size_t len, at, k, i, bad = 0, step = thorough ? 1 : 21;
    size_t most = thorough ? 4096 : 200;

    fill(plain, sizeof plain);
    for (at = 0; at < 64; at++) /* each copy is `at` off a multiple of 64 */
        memcpy(data + at * (4096 + 64) + at, plain, sizeof plain);
    for (len = 0; len <= most; len++) {
        ocitar_digest want = portable(plain, len), got[3];

        for (at = 0; at < 64; at += step)
            for (k = 0; k < kernel_count; k++) {
                const void *three[3];
                size_t lens[3];

                if (k == 0 && at > 0)
                    continue; /* the slow one reads byte by byte */
                for (i = 0; i < 3; i++) {
                    size_t place = (at + 21 * i) % 64;

                    three[i] = data + place * (4096 + 64) + place;
                    lens[i] = len;
                }
                if (k == 1) /* alone */
                    got[0] = got[1] = got[2] = split_digest(
                        kernels[k], (const unsigned char *)three[0], len, 0);
                else
                    ocitar_i_digest_many(kernels[k], got, three, lens, 3);
                for (i = 0; i < 3; i++)
                    bad += !ocitar_digest_equal(&got[i], &want);
            }
    }
    CHECK(bad == 0);
}

static void test_all_splits(void)
{
    static unsigned char data[260];
    size_t len, split, k, bad = 0;

    fill(data, sizeof data);
    for (len = 0; len <= (thorough ? sizeof data : 70); len++) {
        ocitar_digest want = portable(data, len), got;

        for (split = 0; split <= len; split++)
            for (k = 0; k < kernel_count; k++) {
                got = split_digest(kernels[k], data, len, split);
                bad += !ocitar_digest_equal(&got, &want);
            }
    }
    CHECK(bad == 0);
}

/* Groups of one to seven messages, most of them short, some long. */
static void test_random_messages(long messages)
{
    static unsigned char data[8192];
    const void *start[7];
    size_t len[7], count, i, k, bad = 0;
    ocitar_digest out[7], want;
    long done = 0;

    fill(data, sizeof data);
    while (done < messages) {
        count = 1 + next_random() % 7;
        for (i = 0; i < count; i++) {
            len[i] = next_random() % (next_random() % 64 == 0 ? 4000 : 200);
            start[i] = data + next_random() % 4096;
        }
        data[next_random() % sizeof data] ^= 0x5a;
        for (k = 0; k < kernel_count; k++) {
            ocitar_i_digest_many(kernels[k], out, start, len, count);
            for (i = 0; k == 0 && i < count; i++) {
                want = portable((const unsigned char *)start[i], len[i]);
                bad += !ocitar_digest_equal(&out[i], &want);
            }
            if (k > 0 && count > 0) {
                ocitar_digest again[7];

                ocitar_i_digest_many(0, again, start, len, count);
                for (i = 0; i < count; i++)
                    bad += !ocitar_digest_equal(&out[i], &again[i]);
            }
        }
        done += (long)count;
    }
    CHECK(bad == 0);
}

static void test_public_function(void)
{
    static unsigned char data[3][9000];
    const void *start[3];
    size_t len[3] = { 9000, 0, 77 }, i;
    ocitar_digest out[3], want;
    uint8_t a;

    fill(data[0], sizeof data);
    for (i = 0; i < 3; i++)
        start[i] = data[i];
    start[1] = NULL;
    for (a = OCITAR_SHA256; a <= OCITAR_SHA512; a = (uint8_t)(a << 1)) {
        CHECK_CODE(ocitar_digest_many(out, a, start, len, 3),
                   ocitar_digest_length(a) > 0 ? OCITAR_OK
                                               : OCITAR_E_UNSUPPORTED);
        for (i = 0; ocitar_digest_length(a) > 0 && i < 3; i++) {
            ocitar_digest_of(&want, a, start[i], len[i]);
            CHECK(ocitar_digest_equal(&out[i], &want));
        }
    }
    CHECK_CODE(ocitar_digest_many(NULL, OCITAR_SHA256, NULL, NULL, 0),
               OCITAR_OK);
    CHECK_CODE(ocitar_digest_many(out, 3, start, len, 3),
               OCITAR_E_UNSUPPORTED);
    CHECK_CODE(ocitar_digest_many(NULL, OCITAR_SHA256, start, len, 3),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_digest_many(out, OCITAR_SHA256, NULL, len, 3),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_digest_many(out, OCITAR_SHA256, start, NULL, 3),
               OCITAR_E_ARG);
    len[1] = 1; /* at NULL */
    CHECK_CODE(ocitar_digest_many(out, OCITAR_SHA256, start, len, 3),
               OCITAR_E_ARG);
}

int main(int argc, char **argv)
{
    long messages = argc > 1 ? atol(argv[1]) : 3000;

    thorough = messages >= 100000;
    (void)check_put; /* nothing is written here */
    find_kernels();
    test_known_answers();
    test_lengths_and_places();
    test_all_splits();
    test_random_messages(messages);
    test_public_function();
    return check_done();
}
