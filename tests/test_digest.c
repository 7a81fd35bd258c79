/* test_digest - SHA-2, digests as text, and foreign hash engines. */

#include "ocitar.h"
#include "check.h"

/* The messages of FIPS 180-2, appendices B to D, and NIST's examples. */
#define TEXT_EMPTY ""
#define TEXT_ABC "abc"
#define TEXT_448 "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
#define TEXT_896                                                              \
    "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"        \
    "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"

typedef struct known {
    uint8_t algorithm;
    const char *text;
    const char *hex;
} known;

static const known answers[] = {
    { OCITAR_SHA256, TEXT_EMPTY,
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"
      "7852b855" },
    { OCITAR_SHA256, TEXT_ABC,
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61"
      "f20015ad" },
    { OCITAR_SHA256, TEXT_448,
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd4"
      "19db06c1" },
    { OCITAR_SHA256, TEXT_896,
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac4503"
      "7afee9d1" },
    { OCITAR_SHA384, TEXT_EMPTY,
      "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf"
      "63f6e1da274edebfe76f65fbd51ad2f14898b95b" },
    { OCITAR_SHA384, TEXT_ABC,
      "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a"
      "43ff5bed8086072ba1e7cc2358baeca134c825a7" },
    { OCITAR_SHA384, TEXT_448,
      "3391fdddfc8dc7393707a65b1b4709397cf8b1d162af05abfe8f450d"
      "e5f36bc6b0455a8520bc4e6f5fe95b1fe3c8452b" },
    { OCITAR_SHA384, TEXT_896,
      "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086"
      "e3b0f712fcc7c71a557e2db966c3e9fa91746039" },
    { OCITAR_SHA512, TEXT_EMPTY,
      "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921"
      "d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81"
      "a538327af927da3e" },
    { OCITAR_SHA512, TEXT_ABC,
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee6"
      "4b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e"
      "2a9ac94fa54ca49f" },
    { OCITAR_SHA512, TEXT_448,
      "204a8fc6dda82f0a0ced7beb8e08a41657c16ef468b228a8279be331"
      "a703c33596fd15c13b1b07f9aa1d3bea57789ca031ad85c7a71dd703"
      "54ec631238ca3445" },
    { OCITAR_SHA512, TEXT_896,
      "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aead"
      "b6889018501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd2654"
      "5e96e55b874be909" }
};

/* One million 'a'. */
static const known millions[] = {
    { OCITAR_SHA256, NULL,
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39cc"
      "c7112cd0" },
    { OCITAR_SHA384, NULL,
      "9d0e1809716474cb086e834e310a4a1ced149e9c00f248527972cec5"
      "704c2a5b07b8b3dc38ecc4ebae97ddd87f3d8985" },
    { OCITAR_SHA512, NULL,
      "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803"
      "afa973ebde0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e"
      "4eadb217ad8cc09b" }
};

/* Of the digests, end to end, of the first 0 to 260 bytes of fill(). Computed
   with Python's hashlib, as were the tables above. */
static const known chains[] = {
    { OCITAR_SHA256, NULL,
      "24b87c5e53f6421deeec5b3d83d2e007de717a482f1f28f5e53b4a6a"
      "819ab331" },
    { OCITAR_SHA384, NULL,
      "7a992f256612098e50dc55b640c41c5fddb5bf572b8aaeb3b15e92a9"
      "e10eeb6f3e5cfd69e91f954f3e85072241c527a5" },
    { OCITAR_SHA512, NULL,
      "3da0f8e32826121136716054a0231578fbba46e567c921b025815896"
      "b898958f38fd3d8136f384266f7a7b50848361b7c0e8fddea698f644"
      "85b2c142161630fd" }
};

enum { LONGEST = 260 };

static const uint8_t algorithms[] = { OCITAR_SHA256, OCITAR_SHA384,
                                      OCITAR_SHA512 };

static void fill(unsigned char *data, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++)
        data[i] = (unsigned char)(i * 7 + 3);
}

/* Is its text the algorithm's name, a colon and these digits? */
static int is_hex(const ocitar_digest *d, const char *hex)
{
    char text[OCITAR_DIGEST_TEXT_MAX];
    size_t n = ocitar_digest_format(d, text);

    return n == 7 + strlen(hex) && strcmp(text + 7, hex) == 0;
}

static void test_known_answers(void)
{
    ocitar_digest d;
    size_t i;

    for (i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        CHECK_CODE(ocitar_digest_of(&d, answers[i].algorithm, answers[i].text,
                                    strlen(answers[i].text)), OCITAR_OK);
        CHECK(d.algorithm == answers[i].algorithm);
        CHECK(is_hex(&d, answers[i].hex));
    }
}

static void test_million(void)
{
    static char a[1000000];
    ocitar_digest d;
    size_t i;

    memset(a, 'a', sizeof a);
    for (i = 0; i < 3; i++) {
        CHECK_CODE(ocitar_digest_of(&d, millions[i].algorithm, a, sizeof a),
                   OCITAR_OK);
        CHECK(is_hex(&d, millions[i].hex));
    }
}

/* Every length up to four blocks of SHA-256, two of SHA-512: the padding of
   FIPS 180-4, 5.1, with and without a block of its own. */
static void test_all_lengths(void)
{
    unsigned char data[LONGEST];
    ocitar_digester chain;
    ocitar_digest d;
    size_t a, len;

    fill(data, sizeof data);
    for (a = 0; a < 3; a++) {
        ocitar_digester_begin(&chain, algorithms[a], NULL);
        for (len = 0; len <= LONGEST; len++) {
            ocitar_digest_of(&d, algorithms[a], data, len);
            ocitar_digester_update(&chain, d.bytes,
                                   ocitar_digest_length(algorithms[a]));
        }
        CHECK_CODE(ocitar_digester_end(&chain, &d), OCITAR_OK);
        CHECK(is_hex(&d, chains[a].hex));
    }
}

/* Is the digest the same in pieces: [0, i), [i, j), [j, len)? */
static int pieces(uint8_t algorithm, const unsigned char *data, size_t len,
                  size_t i, size_t j, const ocitar_digest *want)
{
    ocitar_digester s;
    ocitar_digest got;

    memset(&s, 0xa5, sizeof s); /* from whatever was in its memory */
    return ocitar_digester_begin(&s, algorithm, NULL) == 0 &&
           ocitar_digester_update(&s, data, i) == 0 &&
           ocitar_digester_update(&s, data + i, j - i) == 0 &&
           ocitar_digester_update(&s, data + j, len - j) == 0 &&
           ocitar_digester_end(&s, &got) == 0 &&
           ocitar_digest_equal(&got, want);
}

static void test_all_splits(void)
{
    unsigned char data[LONGEST];
    ocitar_digest want;
    size_t a, len, i;

    fill(data, sizeof data);
    for (a = 0; a < 3; a++) {
        for (len = 0; len <= LONGEST; len++) {
            int ok = 1;

            ocitar_digest_of(&want, algorithms[a], data, len);
            for (i = 0; i <= len; i++)
                ok &= pieces(algorithms[a], data, len, i, i, &want);
            CHECK(ok);
        }
    }
}

/* Three pieces around the edges of blocks; the middle one is whole blocks,
   more or less. */
static void test_three_pieces(void)
{
    static const size_t at[] = { 0, 1, 63, 64, 65, 127, 128, 129, 191, 192,
                                 255, 256, 257, 260 };
    const size_t n = sizeof at / sizeof at[0];
    unsigned char data[LONGEST];
    ocitar_digest want;
    size_t a, i, j;

    fill(data, sizeof data);
    for (a = 0; a < 3; a++) {
        ocitar_digest_of(&want, algorithms[a], data, sizeof data);
        for (i = 0; i < n; i++)
            for (j = i; j < n; j++)
                CHECK(pieces(algorithms[a], data, sizeof data, at[i], at[j],
                             &want));
    }
}

static void test_byte_by_byte(void)
{
    unsigned char data[LONGEST];
    ocitar_digester s;
    ocitar_digest want, got;
    size_t a, i;

    fill(data, sizeof data);
    for (a = 0; a < 3; a++) {
        int e = ocitar_digester_begin(&s, algorithms[a], NULL);

        for (i = 0; i < sizeof data; i++) {
            e |= ocitar_digester_update(&s, data + i, 1);
            e |= ocitar_digester_update(&s, NULL, 0);
        }
        e |= ocitar_digester_end(&s, &got);
        CHECK_CODE(e, OCITAR_OK);
        ocitar_digest_of(&want, algorithms[a], data, sizeof data);
        CHECK(ocitar_digest_equal(&got, &want));
    }
}

/* FIPS 180-4, 5.1: the length is 64 bits for SHA-256, 128 bits for the
   others. Too much to write, so the count is set; the padding block is
   written out here, hashed as data, and the state read without an end. */
/* The kernel that a layout found for this processor: 0 is the portable one. */
static uint8_t kernel_here(void)
{
    static unsigned char buffer[512];
    ocitar_archive_desc desc = OCITAR_ZERO;
    ocitar_archive archive;
    ocitar_layout layout;

    desc.buffer = buffer;
    desc.buffer_size = sizeof buffer;
    CHECK_CODE(ocitar_archive_begin(&archive, &desc), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&layout, &archive, NULL), OCITAR_OK);
    return layout.kernel;
}

static ocitar_digest with_kernel(uint8_t kernel, const unsigned char *data,
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

/* Every length to 4096 at every alignment to 64, and at some splits: what the
   processor's own instructions compute is what portable C does. */
static void test_kernels_agree(void)
{
    static unsigned char data[4096 + 64];
    uint8_t kernel = kernel_here();
    ocitar_digest a, b;
    size_t len, same = 0;

    fill(data, sizeof data);
    for (len = 0; len <= 4096; len++) {
        const unsigned char *p = data + len % 64;

        a = with_kernel(0, p, len, 0);
        b = with_kernel(kernel, p, len, len / 3);
        same += (size_t)ocitar_digest_equal(&a, &b);
        b = with_kernel(kernel, p, len, len < 64 ? len : 64);
        same += (size_t)ocitar_digest_equal(&a, &b);
    }
    CHECK(same == 2 * 4097);
    for (len = 0; len < 64; len++) {
        a = with_kernel(0, data + len, 4096, 0);
        b = with_kernel(kernel, data + len, 4096, 1);
        CHECK(ocitar_digest_equal(&a, &b));
    }
    printf("kernel %d\n", kernel);
}

/* One that turns to the processor's instructions on its way. */
static void test_kernel_turns(void)
{
    static unsigned char data[3 * 4096];
    ocitar_digest a, b;
    ocitar_digester d;
    size_t step, at;

    fill(data, sizeof data);
    a = with_kernel(0, data, sizeof data, 0);
    for (step = 1; step <= 4097; step = step * 2 + 1) {
        ocitar_digester_begin(&d, OCITAR_SHA256, NULL);
        for (at = 0; at < sizeof data; at += step)
            ocitar_digester_update(&d, data + at,
                                   sizeof data - at < step ? sizeof data - at
                                                           : step);
        ocitar_digester_end(&d, &b);
        CHECK(ocitar_digest_equal(&a, &b));
    }
}

static void test_great_lengths(void)
{
    const uint64_t length = UINT64_C(0xb234567800000000);
    unsigned char block[128] = { 0x80 };
    ocitar_digester a, b;
    ocitar_digest d;
    int i, ok = 1;

    block[119] = 5; /* the 67th to 65th bit of length * 8 */
    for (i = 0; i < 8; i++)
        block[120 + i] = (unsigned char)(length << 3 >> (56 - 8 * i));
    ocitar_digester_begin(&a, OCITAR_SHA512, NULL);
    a.length = length;
    CHECK_CODE(ocitar_digester_end(&a, &d), OCITAR_OK);
    ocitar_digester_begin(&b, OCITAR_SHA512, NULL);
    ocitar_digester_update(&b, block, 128);
    for (i = 0; i < 64; i++)
        ok &= d.bytes[i] ==
              (uint8_t)(b.state.s512.h[i / 8] >> (56 - 8 * (i % 8)));
    CHECK(ok);
    memcpy(block + 56, block + 120, 8);
    ocitar_digester_begin(&a, OCITAR_SHA256, NULL);
    a.length = length;
    CHECK_CODE(ocitar_digester_end(&a, &d), OCITAR_OK);
    ocitar_digester_begin(&b, OCITAR_SHA256, NULL);
    ocitar_digester_update(&b, block, 64);
    for (i = 0, ok = 1; i < 32; i++)
        ok &= d.bytes[i] ==
              (uint8_t)(b.state.s256.h[i / 4] >> (24 - 8 * (i % 4)));
    CHECK(ok);
}

static void test_lengths_and_names(void)
{
    CHECK(ocitar_digest_length(OCITAR_SHA256) == 32);
    CHECK(ocitar_digest_length(OCITAR_SHA384) == 48);
    CHECK(ocitar_digest_length(OCITAR_SHA512) == 64);
    CHECK(ocitar_digest_length(0) == 0);
    CHECK(ocitar_digest_length(3) == 0);
    CHECK(ocitar_digest_length(8) == 0);
    CHECK(ocitar_digest_length(255) == 0);
    CHECK(strcmp(ocitar_algorithm_name(OCITAR_SHA256), "sha256") == 0);
    CHECK(strcmp(ocitar_algorithm_name(OCITAR_SHA384), "sha384") == 0);
    CHECK(strcmp(ocitar_algorithm_name(OCITAR_SHA512), "sha512") == 0);
    CHECK(ocitar_algorithm_name(0) == NULL);
    CHECK(ocitar_algorithm_name(3) == NULL);
    CHECK(ocitar_algorithm_name(255) == NULL);
}

static void test_algorithm_parse(void)
{
    CHECK(ocitar_algorithm_parse("sha256", 0) == OCITAR_SHA256);
    CHECK(ocitar_algorithm_parse("sha384", 6) == OCITAR_SHA384);
    CHECK(ocitar_algorithm_parse("sha512", 0) == OCITAR_SHA512);
    CHECK(ocitar_algorithm_parse("sha256:ab", 6) == OCITAR_SHA256);
    CHECK(ocitar_algorithm_parse("sha256:ab", 0) == 0);
    CHECK(ocitar_algorithm_parse("sha256", 5) == 0);
    CHECK(ocitar_algorithm_parse("SHA256", 0) == 0);
    CHECK(ocitar_algorithm_parse("sha1", 0) == 0);
    CHECK(ocitar_algorithm_parse("sha255", 0) == 0);
    CHECK(ocitar_algorithm_parse("", 0) == 0);
    CHECK(ocitar_algorithm_parse(NULL, 0) == 0);
    CHECK(ocitar_algorithm_parse(NULL, 6) == 0);
}

static void test_text_roundtrip(void)
{
    static const size_t lengths[] = { 71, 103, 135 };
    ocitar_digest d, back;
    char text[OCITAR_DIGEST_TEXT_MAX + 4];
    size_t a, n;

    for (a = 0; a < 3; a++) {
        ocitar_digest_of(&d, algorithms[a], "roundtrip", 9);
        memset(text, 'f', sizeof text); /* digits, if it were not ended */
        n = ocitar_digest_format(&d, text);
        CHECK(n == lengths[a] && strlen(text) == n);
        CHECK(n < OCITAR_DIGEST_TEXT_MAX);
        memset(&back, 0xff, sizeof back);
        CHECK_CODE(ocitar_digest_parse(&back, text, 0), OCITAR_OK);
        CHECK(ocitar_digest_equal(&d, &back));
        text[n] = 'f'; /* an explicit length: no NUL is looked for */
        CHECK_CODE(ocitar_digest_parse(&back, text, n), OCITAR_OK);
        CHECK(ocitar_digest_equal(&d, &back));
        CHECK_CODE(ocitar_digest_parse(&back, text, n + 1), OCITAR_E_ARG);
        CHECK_CODE(ocitar_digest_parse(&back, text, n - 1), OCITAR_E_ARG);
    }
}

static void test_format_none(void)
{
    ocitar_digest none;
    char text[OCITAR_DIGEST_TEXT_MAX];

    memset(&none, 0, sizeof none);
    text[0] = 'x';
    CHECK(ocitar_digest_format(&none, text) == 0 && text[0] == 0);
    none.algorithm = 77;
    text[0] = 'x';
    CHECK(ocitar_digest_format(&none, text) == 0 && text[0] == 0);
}

#define HEX16 "0123456789abcdef"
#define HEX62 HEX16 HEX16 HEX16 "0123456789abcd"

typedef struct bad {
    int code;
    const char *text;
} bad;

/* OCI descriptor, Digests: algorithm ":" encoded, with
   algorithm-component [a-z0-9]+, separators [+._-], encoded [a-zA-Z0-9=_-]+.
   E_UNSUPPORTED only for what is a digest by that grammar. */
static const bad malformed[] = {
    { OCITAR_E_ARG, "" },
    { OCITAR_E_ARG, ":" },
    { OCITAR_E_ARG, "sha256" },
    { OCITAR_E_ARG, "sha256:" },
    { OCITAR_E_ARG, "md5:" },
    { OCITAR_E_ARG, ":" HEX62 "ef" },
    { OCITAR_E_ARG, HEX62 "ef" },
    { OCITAR_E_ARG, "sha256:" HEX62 },
    { OCITAR_E_ARG, "sha256:" HEX62 "e" },
    { OCITAR_E_ARG, "sha256:" HEX62 "eff" },
    { OCITAR_E_ARG, "sha256:" HEX62 HEX62 "efef" },
    { OCITAR_E_ARG, "sha384:" HEX62 "ef" },
    { OCITAR_E_ARG, "sha512:" HEX62 "ef" },
    { OCITAR_E_ARG, "sha256:" HEX62 "eF" },
    { OCITAR_E_ARG, "sha256:" HEX62 "Ef" },
    { OCITAR_E_ARG, "sha256:A" HEX62 "f" },
    { OCITAR_E_ARG, "sha256:" HEX62 "eg" },
    { OCITAR_E_ARG, "sha256:" HEX62 "`f" },
    { OCITAR_E_ARG, "sha256:" HEX62 "/f" },
    { OCITAR_E_ARG, "sha256:" HEX62 "e=" },
    { OCITAR_E_ARG, "sha256:" HEX62 "e " },
    { OCITAR_E_ARG, "sha256:" HEX62 "ef\n" },
    { OCITAR_E_ARG, "sha256:" HEX62 ":f" },
    { OCITAR_E_ARG, "sha256:sha256:" HEX62 "ef" },
    { OCITAR_E_ARG, "sha256::" HEX62 "e" },
    { OCITAR_E_ARG, " sha256:" HEX62 "ef" },
    { OCITAR_E_ARG, "sha256 :" HEX62 "ef" },
    { OCITAR_E_ARG, "SHA256:" HEX62 "ef" },
    { OCITAR_E_ARG, "Sha256:" HEX62 "ef" },
    { OCITAR_E_ARG, "shA999:" HEX62 "ef" },
    { OCITAR_E_ARG, "sha/256:" HEX62 "ef" },
    { OCITAR_E_ARG, "sha`256:" HEX62 "ef" },
    { OCITAR_E_ARG, "sha{256:" HEX62 "ef" },
    { OCITAR_E_ARG, "sha=256:" HEX62 "ef" },
    { OCITAR_E_ARG, "sh\xc3\xa4:" HEX62 "ef" },
    { OCITAR_E_ARG, "sha256+:" HEX62 "ef" },
    { OCITAR_E_ARG, "sha256-:" HEX62 "ef" },
    { OCITAR_E_ARG, "sha256_:" HEX62 "ef" },
    { OCITAR_E_ARG, "sha256.:" HEX62 "ef" },
    { OCITAR_E_ARG, "+sha256:" HEX62 "ef" },
    { OCITAR_E_ARG, "a++b:" HEX62 "ef" },
    { OCITAR_E_ARG, "a.-b:" HEX62 "ef" },
    { OCITAR_E_ARG, "md5:a b" },
    { OCITAR_E_ARG, "md5:a/b" },
    { OCITAR_E_ARG, "md5:a+b" },
    { OCITAR_E_ARG, "md5:\xc3\xa4" },
    { OCITAR_E_UNSUPPORTED, "md5:d41d8cd98f00b204e9800998ecf8427e" },
    { OCITAR_E_UNSUPPORTED, "a:A" },
    { OCITAR_E_UNSUPPORTED, "z:Z" },
    { OCITAR_E_UNSUPPORTED, "0:0" },
    { OCITAR_E_UNSUPPORTED, "9:9=_-az" },
    { OCITAR_E_UNSUPPORTED, "sha256+b64:" HEX62 "ef" },
    { OCITAR_E_UNSUPPORTED, "sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7==" },
    { OCITAR_E_UNSUPPORTED, "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3Td" },
    { OCITAR_E_UNSUPPORTED, "a+b.c_d-e:x" },
    { OCITAR_E_UNSUPPORTED, "sha25:" HEX62 "ef" },
    { OCITAR_E_UNSUPPORTED, "sha2566:" HEX62 "ef" },
    { OCITAR_E_UNSUPPORTED, "sha224:" HEX62 "ef" }
};

/* After an error, the digest is none. */
static int refused(const char *text, size_t len, int code)
{
    ocitar_digest d, none;
    int e;

    memset(&none, 0, sizeof none);
    memset(&d, 0xff, sizeof d);
    e = ocitar_digest_parse(&d, text, len);
    if (e != code)
        printf("\"%s\": %s\n", text, ocitar_error_name(e));
    return e == code && ocitar_digest_equal(&d, &none);
}

static void test_malformed(void)
{
    size_t i;

    for (i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        CHECK(refused(malformed[i].text, 0, malformed[i].code));
        CHECK(refused(malformed[i].text, strlen(malformed[i].text),
                      malformed[i].code));
    }
}

/* Each of the 64 digits is read: any of them not lower-case hex, and it is
   none. A NUL within an explicit length is no digit either. */
static void test_every_digit(void)
{
    static const char odd[] = { 'A', 'F', 'g', 'z', '_', '=', '-', ' ', 0 };
    char text[] = "sha256:" HEX62 "ef";
    ocitar_digest d;
    size_t i, j;

    for (i = 7; i < 71; i++) {
        char kept = text[i];

        for (j = 0; j < sizeof odd; j++) {
            text[i] = odd[j];
            CHECK(refused(text, 71, OCITAR_E_ARG));
        }
        text[i] = kept;
    }
    CHECK_CODE(ocitar_digest_parse(&d, text, 0), OCITAR_OK);
    CHECK(d.bytes[0] == 0x01 && d.bytes[4] == 0x89 && d.bytes[5] == 0xab);
    CHECK(d.bytes[31] == 0xef && d.bytes[32] == 0);
}

static void test_parse_arguments(void)
{
    ocitar_digest d;

    CHECK_CODE(ocitar_digest_parse(NULL, "sha256:00", 0), OCITAR_E_ARG);
    CHECK_CODE(ocitar_digest_parse(&d, NULL, 0), OCITAR_E_ARG);
    CHECK_CODE(ocitar_digest_parse(&d, NULL, 71), OCITAR_E_ARG);
}

static void test_equal(void)
{
    ocitar_digest a, b;

    ocitar_digest_of(&a, OCITAR_SHA512, "x", 1);
    b = a;
    CHECK(ocitar_digest_equal(&a, &b) == 1);
    b.bytes[63] ^= 1;
    CHECK(ocitar_digest_equal(&a, &b) == 0);
    b = a;
    b.bytes[0] ^= 0x80;
    CHECK(ocitar_digest_equal(&a, &b) == 0);
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    CHECK(ocitar_digest_equal(&a, &b) == 1);
    a.algorithm = OCITAR_SHA256; /* the same bytes of another algorithm */
    b.algorithm = OCITAR_SHA384;
    CHECK(ocitar_digest_equal(&a, &b) == 0);
}

/* "all-zero after": the bytes that an algorithm does not use are zero. */
static void test_rest_is_zero(void)
{
    ocitar_digest d;
    size_t i;

    memset(&d, 0xff, sizeof d);
    ocitar_digest_of(&d, OCITAR_SHA256, "x", 1);
    for (i = 32; i < 64; i++)
        CHECK(d.bytes[i] == 0);
    memset(&d, 0xff, sizeof d);
    ocitar_digest_of(&d, OCITAR_SHA384, "x", 1);
    for (i = 48; i < 64; i++)
        CHECK(d.bytes[i] == 0);
}

static void test_arguments(void)
{
    ocitar_digester s;
    ocitar_digest d;

    CHECK_CODE(ocitar_digester_begin(NULL, OCITAR_SHA256, NULL),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_digester_update(NULL, "x", 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_digester_end(NULL, &d), OCITAR_E_ARG);
    CHECK_CODE(ocitar_digester_begin(&s, OCITAR_SHA256, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_digester_update(&s, NULL, 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_digester_end(&s, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_digester_update(&s, NULL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_digester_update(&s, "abc", 3), OCITAR_OK);
    CHECK_CODE(ocitar_digester_end(&s, &d), OCITAR_OK);
    CHECK(is_hex(&d, answers[1].hex)); /* the errors left nothing behind */
    CHECK_CODE(ocitar_digest_of(&d, OCITAR_SHA256, NULL, 0), OCITAR_OK);
    CHECK(is_hex(&d, answers[0].hex));
    CHECK_CODE(ocitar_digest_of(&d, OCITAR_SHA256, NULL, 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_digest_of(NULL, OCITAR_SHA256, "x", 1), OCITAR_E_ARG);
}

static void test_unknown_algorithms(void)
{
    static const uint8_t odd[] = { 0, 3, 5, 6, 7, 8, 128, 255 };
    ocitar_digester s;
    ocitar_digest d;
    size_t i;

    for (i = 0; i < sizeof odd; i++) {
        CHECK_CODE(ocitar_digest_of(&d, odd[i], "x", 1),
                   OCITAR_E_UNSUPPORTED);
        memset(&s, 0xff, sizeof s);
        CHECK_CODE(ocitar_digester_begin(&s, odd[i], NULL),
                   OCITAR_E_UNSUPPORTED);
        CHECK_CODE(ocitar_digester_update(&s, "x", 1), OCITAR_E_STATE);
        CHECK_CODE(ocitar_digester_end(&s, &d), OCITAR_E_STATE);
    }
}

static void test_states(void)
{
    ocitar_digester s;
    ocitar_digest d, none;

    memset(&none, 0, sizeof none);
    memset(&s, 0, sizeof s);
    CHECK_CODE(ocitar_digester_update(&s, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_digester_end(&s, &d), OCITAR_E_STATE);
    CHECK(ocitar_digest_equal(&d, &none));
    CHECK_CODE(ocitar_digester_begin(&s, OCITAR_SHA512, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_digester_end(&s, &d), OCITAR_OK);
    CHECK_CODE(ocitar_digester_update(&s, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_digester_update(&s, "x", 0), OCITAR_E_STATE);
    CHECK_CODE(ocitar_digester_end(&s, &d), OCITAR_E_STATE);
    CHECK(ocitar_digest_equal(&d, &none));
    CHECK_CODE(ocitar_digester_begin(&s, OCITAR_SHA256, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_digester_update(&s, "abc", 3), OCITAR_OK);
    CHECK_CODE(ocitar_digester_end(&s, &d), OCITAR_OK);
    CHECK(is_hex(&d, answers[1].hex));
}

/* An engine that adds its bytes up. It keeps the sum at both ends of its
   state, all of which is its own, and counts how it is called. */
typedef struct adder {
    int fail_begin, fail_update, fail_end; /* their codes */
    int begins, updates, ends, dropped;
    int live, wrong; /* wrong: not called as documented */
    uint8_t algorithm;
    void *state;
} adder;

struct aligned { /* as a uint64_t is */
    char before;
    uint64_t value;
};

static int adder_begin(void *user, void *state, uint8_t algorithm)
{
    adder *a = (adder *)user;

    a->begins++;
    a->state = state;
    a->algorithm = algorithm;
    a->wrong |= (uintptr_t)state % offsetof(struct aligned, value) != 0;
    memset(state, 0, 192);
    a->live += a->fail_begin == 0;
    return a->fail_begin;
}

static int adder_update(void *user, void *state, const void *data, size_t len)
{
    adder *a = (adder *)user;
    unsigned char *sum = (unsigned char *)state;
    size_t i;

    a->updates++;
    a->wrong |= a->live != 1 || state != a->state || len == 0;
    for (i = 0; i < len; i++)
        sum[0] = (unsigned char)(sum[0] + ((const unsigned char *)data)[i]);
    a->wrong |= sum[191] != 0;
    return a->fail_update;
}

static int adder_end(void *user, void *state, uint8_t *out)
{
    adder *a = (adder *)user;

    a->ends++;
    a->live--;
    a->wrong |= a->live != 0 || state != a->state;
    if (out == NULL) {
        a->dropped++;
        return 99; /* nobody asks */
    }
    memset(out, *(unsigned char *)state, ocitar_digest_length(a->algorithm));
    return a->fail_end;
}

static ocitar_engine engine_of(adder *a, uint8_t mask)
{
    ocitar_engine e;

    memset(a, 0, sizeof *a);
    e.begin_fn = adder_begin;
    e.update_fn = adder_update;
    e.end_fn = adder_end;
    e.user = a;
    e.algorithms = mask;
    return e;
}

static void test_engine(void)
{
    adder a;
    ocitar_engine engine = engine_of(&a, OCITAR_SHA256 | OCITAR_SHA384);
    ocitar_digester s;
    ocitar_digest d;

    memset(&s, 0xff, sizeof s);
    CHECK_CODE(ocitar_digester_begin(&s, OCITAR_SHA384, &engine), OCITAR_OK);
    CHECK(a.begins == 1 && a.algorithm == OCITAR_SHA384);
    CHECK_CODE(ocitar_digester_update(&s, "\1\2", 2), OCITAR_OK);
    CHECK_CODE(ocitar_digester_update(&s, "\4", 1), OCITAR_OK);
    CHECK_CODE(ocitar_digester_update(&s, NULL, 0), OCITAR_OK);
    CHECK(a.updates == 2);
    CHECK_CODE(ocitar_digester_end(&s, &d), OCITAR_OK);
    CHECK(d.algorithm == OCITAR_SHA384 && d.bytes[0] == 7);
    CHECK(d.bytes[47] == 7 && d.bytes[48] == 0);
    CHECK(a.ends == 1 && a.dropped == 0 && !a.wrong);
    CHECK_CODE(ocitar_digester_update(&s, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_digester_end(&s, &d), OCITAR_E_STATE);
    CHECK(a.updates == 2 && a.ends == 1);
}

/* "the bundled code does the rest" */
static void test_engine_mask(void)
{
    adder a;
    ocitar_engine engine = engine_of(&a, OCITAR_SHA512);
    ocitar_digester s;
    ocitar_digest d;

    CHECK_CODE(ocitar_digester_begin(&s, OCITAR_SHA256, &engine), OCITAR_OK);
    CHECK_CODE(ocitar_digester_update(&s, "abc", 3), OCITAR_OK);
    CHECK_CODE(ocitar_digester_end(&s, &d), OCITAR_OK);
    CHECK(is_hex(&d, answers[1].hex));
    CHECK(a.begins == 0 && a.updates == 0 && a.ends == 0);
    engine.algorithms = 0;
    CHECK_CODE(ocitar_digester_begin(&s, OCITAR_SHA512, &engine), OCITAR_OK);
    CHECK_CODE(ocitar_digester_end(&s, &d), OCITAR_OK);
    CHECK(is_hex(&d, answers[8].hex));
    CHECK(a.begins == 0);
    engine.algorithms = 255;
    CHECK_CODE(ocitar_digester_begin(&s, 8, &engine), OCITAR_E_UNSUPPORTED);
    CHECK(a.begins == 0);
}

/* A begin that failed is not ended. */
static void test_engine_begin_fails(void)
{
    adder a;
    ocitar_engine engine = engine_of(&a, OCITAR_SHA256);
    ocitar_digester s;
    ocitar_digest d;

    a.fail_begin = -3;
    CHECK_CODE(ocitar_digester_begin(&s, OCITAR_SHA256, &engine),
               OCITAR_E_HASH);
    CHECK_CODE(ocitar_digester_update(&s, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_digester_end(&s, &d), OCITAR_E_STATE);
    CHECK(a.begins == 1 && a.updates == 0 && a.ends == 0);
}

/* After a failed update the engine sees no more bytes, only its end. */
static void test_engine_update_fails(void)
{
    adder a;
    ocitar_engine engine = engine_of(&a, OCITAR_SHA256);
    ocitar_digester s;
    ocitar_digest d, none;

    memset(&none, 0, sizeof none);
    CHECK_CODE(ocitar_digester_begin(&s, OCITAR_SHA256, &engine), OCITAR_OK);
    a.fail_update = 12;
    CHECK_CODE(ocitar_digester_update(&s, "x", 1), OCITAR_E_HASH);
    a.fail_update = 0;
    CHECK_CODE(ocitar_digester_update(&s, "x", 1), OCITAR_E_HASH);
    CHECK_CODE(ocitar_digester_update(&s, "x", 0), OCITAR_E_HASH);
    CHECK(a.updates == 1);
    CHECK_CODE(ocitar_digester_end(&s, &d), OCITAR_E_HASH);
    CHECK(ocitar_digest_equal(&d, &none));
    CHECK(a.ends == 1 && a.dropped == 1 && !a.wrong);
    CHECK_CODE(ocitar_digester_end(&s, &d), OCITAR_E_STATE);
    CHECK(a.ends == 1);
}

static void test_engine_end_fails(void)
{
    adder a;
    ocitar_engine engine = engine_of(&a, OCITAR_SHA256);
    ocitar_digester s;
    ocitar_digest d, none;

    memset(&none, 0, sizeof none);
    a.fail_end = 13;
    CHECK_CODE(ocitar_digester_begin(&s, OCITAR_SHA256, &engine), OCITAR_OK);
    CHECK_CODE(ocitar_digester_update(&s, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_digester_end(&s, &d), OCITAR_E_HASH);
    CHECK(ocitar_digest_equal(&d, &none)); /* not what it left there */
    CHECK(a.ends == 1 && a.dropped == 0);
    CHECK_CODE(ocitar_digester_end(&s, &d), OCITAR_E_STATE);
    CHECK(a.ends == 1 && !a.wrong);
}

/* A layout over a dry archive, for engines in use by blobs. */
typedef struct bench {
    unsigned char buffer[1024], waiting[1024];
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_spool spool;
    ocitar_blob blob;
    ocitar_wait wait;
} bench;

static void bench_begin(bench *b, const ocitar_engine *engine)
{
    ocitar_archive_desc desc = OCITAR_ZERO;
    ocitar_layout_desc layout = OCITAR_ZERO;

    memset(b, 0, sizeof *b);
    desc.buffer = b->buffer;
    desc.buffer_size = sizeof b->buffer;
    layout.engine = engine;
    b->wait.way = OCITAR_WAIT_SPOOL;
    b->wait.spool = &b->spool;
    ocitar_spool_begin_buffer(&b->spool, b->waiting, sizeof b->waiting);
    CHECK_CODE(ocitar_archive_begin(&b->archive, &desc), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&b->layout, &b->archive, &layout),
               OCITAR_OK);
}

/* "comes back as user_code of OCITAR_E_HASH" */
static int hash_error(const bench *b, int code)
{
    const ocitar_error *e = ocitar_archive_error(&b->archive);

    return e->code == OCITAR_E_HASH && e->user_code == code;
}

/* A blob written by hand, with the engine failing at one of three places. */
static void test_engine_in_blob(void)
{
    static bench b;
    adder a;
    int place;

    for (place = 0; place < 3; place++) {
        ocitar_engine engine = engine_of(&a, OCITAR_SHA256);

        *(place == 0 ? &a.fail_begin
                     : place == 1 ? &a.fail_update : &a.fail_end) = 70 + place;
        bench_begin(&b, &engine);
        CHECK_CODE(ocitar_blob_begin(&b.blob, &b.layout, 0, &b.wait),
                   place == 0 ? OCITAR_E_HASH : OCITAR_OK);
        CHECK_CODE(ocitar_blob_write(&b.blob, "x", 1),
                   place <= 1 ? OCITAR_E_HASH : OCITAR_OK);
        CHECK_CODE(ocitar_blob_commit(&b.blob, OCITAR_SIZE_UNKNOWN, NULL),
                   OCITAR_E_HASH);
        CHECK(hash_error(&b, 70 + place));
        CHECK_CODE(ocitar_archive_finish(&b.archive), OCITAR_E_HASH);
        CHECK_CODE(ocitar_blob_close(&b.blob), OCITAR_OK);
        CHECK(a.begins == 1 && a.ends == (place > 0) && !a.wrong);
        CHECK_CODE(ocitar_archive_finish(&b.archive), OCITAR_OK);
    }
}

/* "with `out` NULL the digest was given up" */
static void test_engine_abandoned(void)
{
    static bench b;
    adder a;
    ocitar_engine engine = engine_of(&a, OCITAR_SHA256);
    ocitar_digest d;

    bench_begin(&b, &engine);
    CHECK_CODE(ocitar_blob_begin(&b.blob, &b.layout, 0, &b.wait), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b.blob, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_blob_digest(&b.blob, &d), OCITAR_E_UNSUPPORTED);
    CHECK_CODE(ocitar_blob_close(&b.blob), OCITAR_OK);
    CHECK(a.begins == 1 && a.ends == 1 && a.dropped == 1 && !a.wrong);
}

/* And a blob that cannot begin for another reason gives the engine its end,
   at its close at the latest. */
static void test_engine_begin_in_vain(void)
{
    static bench b;
    adder a;
    ocitar_engine engine = engine_of(&a, OCITAR_SHA256);

    bench_begin(&b, &engine);
    b.wait.spool = NULL;
    CHECK_CODE(ocitar_blob_begin(&b.blob, &b.layout, 0, &b.wait),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_close(&b.blob), OCITAR_OK);
    CHECK(a.begins == a.ends && !a.wrong);
}

static void test_engine_in_put(void)
{
    static bench b;
    adder a;
    ocitar_digest d;
    int place;

    for (place = 0; place < 4; place++) {
        ocitar_engine engine = engine_of(&a, OCITAR_SHA256);

        bench_begin(&b, &engine);
        a.fail_begin = place == 0 ? 70 : 0;
        a.fail_update = place == 1 ? 71 : 0;
        a.fail_end = place == 2 ? 72 : 0;
        CHECK_CODE(ocitar_blob_put(&b.layout, 0, "\2\3", 2, &d),
                   place < 3 ? OCITAR_E_HASH : OCITAR_OK);
        CHECK(place == 3 ? d.bytes[31] == 5 : hash_error(&b, 70 + place));
        CHECK(a.begins == 1 && a.ends == (place > 0) && !a.wrong);
        CHECK(ocitar_archive_size(&b.archive) == (place == 3 ? 1024 : 0));
    }
}

/* A source of one byte; each reading has a digester of its own. */
static int byte_get(void *user, void *out, size_t capacity, size_t *len)
{
    int *left = (int *)user;

    *len = *left > 0 && capacity > 0;
    if (*len > 0)
        *(char *)out = 9;
    *left -= (int)*len;
    return 0;
}

static int byte_rewind(void *user)
{
    *(int *)user = 1;
    return 0;
}

static void test_engine_in_copy(void)
{
    static bench b;
    ocitar_source source = OCITAR_ZERO;
    adder a;
    char buffer[16];
    int left, place;

    source.get_fn = byte_get;
    source.rewind_fn = byte_rewind;
    source.user = &left;
    for (place = 0; place < 4; place++) {
        ocitar_engine engine = engine_of(&a, OCITAR_SHA256);

        bench_begin(&b, &engine);
        left = 1;
        a.fail_begin = place == 0 ? 70 : 0;
        a.fail_update = place == 1 ? 71 : 0;
        a.fail_end = place == 2 ? 72 : 0;
        CHECK_CODE(ocitar_blob_copy(&b.layout, 0, &source, buffer,
                                    sizeof buffer, NULL, NULL),
                   place < 3 ? OCITAR_E_HASH : OCITAR_OK);
        CHECK(place == 3 || hash_error(&b, 70 + place));
        CHECK(a.begins == (place == 3 ? 2 : 1) && !a.wrong);
        CHECK(a.ends == (place == 0 ? 0 : a.begins));
    }
}

/* Leaves no zeros on the stack for the next call to find. */
static int dirty_stack(void)
{
    volatile unsigned char garbage[4096];
    size_t i;

    for (i = 0; i < sizeof garbage; i++)
        garbage[i] = 0xa5;
    return garbage[17];
}

/* "Fields that do not apply are zero": no engine, no code of one. */
static void test_unsupported_has_no_user_code(void)
{
    static bench b;
    const ocitar_error *e = ocitar_archive_error(&b.archive);
    ocitar_source source = OCITAR_ZERO;
    char buffer[16];
    int left = 1;

    bench_begin(&b, NULL);
    CHECK(dirty_stack() == 0xa5);
    CHECK_CODE(ocitar_blob_put(&b.layout, 8, "x", 1, NULL),
               OCITAR_E_UNSUPPORTED);
    CHECK(e->code == OCITAR_E_UNSUPPORTED && e->user_code == 0);
    source.get_fn = byte_get;
    source.rewind_fn = byte_rewind;
    source.user = &left;
    CHECK(dirty_stack() == 0xa5);
    CHECK_CODE(ocitar_blob_copy(&b.layout, 8, &source, buffer, sizeof buffer,
                                NULL, NULL), OCITAR_E_UNSUPPORTED);
    CHECK(e->code == OCITAR_E_UNSUPPORTED && e->user_code == 0);
    memset(&b.blob, 0xa5, sizeof b.blob);
    CHECK_CODE(ocitar_blob_begin(&b.blob, &b.layout, 8, &b.wait),
               OCITAR_E_UNSUPPORTED);
    CHECK(e->code == OCITAR_E_UNSUPPORTED && e->user_code == 0);
}

int main(void)
{
    (void)check_put;
    test_known_answers();
    test_million();
    test_all_lengths();
    test_all_splits();
    test_three_pieces();
    test_byte_by_byte();
    test_kernels_agree();
    test_kernel_turns();
    test_great_lengths();
    test_lengths_and_names();
    test_algorithm_parse();
    test_text_roundtrip();
    test_format_none();
    test_malformed();
    test_every_digit();
    test_parse_arguments();
    test_equal();
    test_rest_is_zero();
    test_arguments();
    test_unknown_algorithms();
    test_states();
    test_engine();
    test_engine_mask();
    test_engine_begin_fails();
    test_engine_update_fails();
    test_engine_end_fails();
    test_engine_in_blob();
    test_engine_abandoned();
    test_engine_begin_in_vain();
    test_engine_in_put();
    test_engine_in_copy();
    test_unsupported_has_no_user_code();
    return check_done();
}
