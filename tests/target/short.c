/* short.c - the core in small, for machines that cannot run the test suite:
   one source, without a C library, in 16 KiB of RAM. All that is written must
   have the digests given here, which were computed on a PC: every machine
   makes the same bytes.

   SHORT_PARTS, a set of the bits below, says what is compiled: a machine of
   8 bits takes it in pieces. */

#include "ocitar.h"
#include "short.h"

#define SHORT_DIGEST 1
#define SHORT_TAR 2
#define SHORT_JSON 4
#define SHORT_BLOB 8
#define SHORT_IMAGE 16
#define SHORT_CHECK 32

#ifndef SHORT_PARTS
#  define SHORT_PARTS 63
#endif
#ifndef SHORT_FLIPS
#  define SHORT_FLIPS 24 /* archives with one wrong bit */
#endif

/* SHA-256 of what the parts write. */
#define TAR_DIGEST \
    "sha256:89d868667527b79edfa06fbfd016158eaba77ad2570fe4ab697f2a3bb0cae493"
#define BLOB_DIGEST \
    "sha256:67f250edb6953535454316334abc6568d14869680bfd9ef490a70737368608ea"
#define IMAGE_DIGEST \
    "sha256:4975ada32af63260dc686528e5416087aee354698b5900d8771b030249d4558d"

/* What one part needs and no other part does, in the same place. */
static union {
    char any;
#if SHORT_PARTS & SHORT_TAR
    struct tar_memory {
        ocitar_encoder encoder;
        ocitar_decoder decoder;
        ocitar_digester digester;
        uint8_t block[512];
        char buffer[1024];
        char name[141];
    } tar;
#endif
#if SHORT_PARTS & SHORT_BLOB
    struct blob_memory {
        ocitar_blob blob;
        uint8_t body[1000];
    } blob;
#endif
#if SHORT_PARTS & SHORT_CHECK
    struct check_memory {
        ocitar_checker checker;
        ocitar_slot slots[16];
        uint64_t names[24];
        uint8_t strings[768];
    } check;
#endif
} memory;

static int failed;

#define EXPECT(condition)                                                     \
    do {                                                                      \
        if (!(condition)) {                                                   \
            SAY("FAIL " #condition "\n");                                     \
            failed++;                                                         \
        }                                                                     \
    } while (0)

static int same(const void *a, const void *b, size_t len)
{
    const unsigned char *x = (const unsigned char *)a;
    const unsigned char *y = (const unsigned char *)b;

    for (; len > 0; len--, x++, y++)
        if (*x != *y)
            return 0;
    return 1;
}

static size_t length(const char *s)
{
    size_t n = 0;

    while (s[n] != 0)
        n++;
    return n;
}

static int digest_is(const ocitar_digest *digest, const char *text)
{
    char is[OCITAR_DIGEST_TEXT_MAX];
    const size_t n = ocitar_digest_format(digest, is);

    if (n == length(text) && same(is, text, n))
        return 1;
    SAY("got ");
    put_text(is);
    SAY("\n");
    return 0;
}

/* Bytes of no pattern, the same everywhere. */
static void fill(uint8_t *out, size_t len, uint32_t seed)
{
    size_t i;

    for (i = 0; i < len; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = (uint8_t)(seed >> 24);
    }
}

/* ---- digests ------------------------------------------------------------ */

#if SHORT_PARTS & SHORT_DIGEST
/* Examples of FIPS 180-2, whole and byte by byte. */
static void check_vector(uint8_t algorithm, const char *message,
                         const char *want)
{
    ocitar_digester digester;
    ocitar_digest digest;
    size_t i;

    EXPECT(ocitar_digest_of(&digest, algorithm, message, length(message)) ==
           OCITAR_OK);
    EXPECT(digest_is(&digest, want));
    EXPECT(ocitar_digester_begin(&digester, algorithm, NULL) == OCITAR_OK);
    for (i = 0; message[i] != 0; i++)
        EXPECT(ocitar_digester_update(&digester, message + i, 1) == OCITAR_OK);
    EXPECT(ocitar_digester_end(&digester, &digest) == OCITAR_OK);
    EXPECT(digest_is(&digest, want));
}

static void check_digests(void)
{
    static const char two_blocks[] =
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

    check_vector(OCITAR_SHA256, "",
                 "sha256:"
                 "e3b0c44298fc1c149afbf4c8996fb924"
                 "27ae41e4649b934ca495991b7852b855");
    check_vector(OCITAR_SHA256, "abc",
                 "sha256:"
                 "ba7816bf8f01cfea414140de5dae2223"
                 "b00361a396177a9cb410ff61f20015ad");
    check_vector(OCITAR_SHA256, two_blocks,
                 "sha256:"
                 "248d6a61d20638b8e5c026930c3e6039"
                 "a33ce45964ff2167f6ecedd419db06c1");
#ifndef OCITAR_NO_SHA512
    check_vector(OCITAR_SHA384, "abc",
                 "sha384:"
                 "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163"
                 "1a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
    check_vector(OCITAR_SHA512, "abc",
                 "sha512:"
                 "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea2"
                 "0a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
                 "454d4423643ce80e2a9ac94fa54ca49f");
#endif
}
#endif

/* ---- tar ---------------------------------------------------------------- */

#if SHORT_PARTS & SHORT_TAR
/* A head that ustar cannot hold: pax records for name, owner, time, and one
   of the caller's. */
static void odd_entry(ocitar_entry *entry, char name[141])
{
    static const ocitar_pair xattr = { "SCHILY.xattr.user.odd", "a\0b", 0, 3 };
    size_t i;

    for (i = 0; i < 140; i++)
        name[i] = (char)('a' + (int)(i % 26));
    name[140] = 0;
    entry->name = name;
    entry->size = 70000;
    entry->mode = 0640;
    entry->uid = 3000000;
    entry->gid = 12;
    entry->mtime.seconds = -1;
    entry->mtime.nanoseconds = 250000000;
    entry->mtime.set = 1;
    entry->pax = &xattr;
    entry->pax_count = 1;
    entry->format = OCITAR_FORMAT_PAX;
}

static void check_decoded(const ocitar_decoder *decoder,
                          const ocitar_entry *want)
{
    const ocitar_entry *got = &decoder->entry;
    const char *pax = decoder->pax;
    size_t len = decoder->pax_len, records = 0;
    ocitar_pair pair;

    EXPECT(got->name_len == 140 && same(got->name, want->name, 140));
    EXPECT(got->size == 70000 && got->mode == 0640);
    EXPECT(got->uid == 3000000 && got->gid == 12);
    EXPECT(got->mtime.set && got->mtime.seconds == -1);
    EXPECT(got->mtime.nanoseconds == 250000000);
    while (ocitar_pax_next(&pax, &len, &pair) == 1)
        records++;
    EXPECT(records == 4);
}

static void check_tar(void)
{
    struct tar_memory *m = &memory.tar;
    ocitar_entry entry = OCITAR_ZERO;
    ocitar_digest digest;
    size_t blocks = 0;
    int made = OCITAR_BLOCK_MORE;

    odd_entry(&entry, m->name);
    EXPECT(ocitar_encoder_begin(&m->encoder, &entry) == OCITAR_OK);
    EXPECT(ocitar_decoder_begin(&m->decoder, m->buffer, sizeof m->buffer) ==
           OCITAR_OK);
    EXPECT(ocitar_digester_begin(&m->digester, OCITAR_SHA256, NULL) ==
           OCITAR_OK);
    while (ocitar_encoder_next(&m->encoder, m->block)) {
        blocks++;
        EXPECT(made == OCITAR_BLOCK_MORE);
        EXPECT(ocitar_digester_update(&m->digester, m->block, 512) ==
               OCITAR_OK);
        made = ocitar_decoder_next(&m->decoder, m->block);
    }
    EXPECT(made == OCITAR_BLOCK_ENTRY);
    EXPECT(blocks * 512 == ocitar_encoder_size(&m->encoder) && blocks == 3);
    EXPECT(ocitar_digester_end(&m->digester, &digest) == OCITAR_OK);
    EXPECT(digest_is(&digest, TAR_DIGEST));
    check_decoded(&m->decoder, &entry);
}
#endif

/* ---- json --------------------------------------------------------------- */

#if SHORT_PARTS & SHORT_JSON
typedef struct trace {
    char text[96];
    size_t len;
} trace;

static void trace_add(trace *t, const char *text, size_t len)
{
    for (; len > 0 && t->len < sizeof t->text; len--)
        t->text[t->len++] = *text++;
}

static int on_token(void *user, int token, const char *text, size_t len)
{
    const char letter = (char)('A' + token);

    trace_add((trace *)user, &letter, 1);
    trace_add((trace *)user, text, text == NULL ? 0 : len);
    return 0;
}

/* In pieces of every length, the tokens are the same. */
static void check_json(void)
{
    static const char text[] =
        "{\"k\":[true,false,null,-1.5e3],\"\\u00e9\\n\":{},"
        "\"long\":\"aaaaaaaaaaaaaaaaaaaaaaaaaa\"}";
    static const char want[] =
        "AEkCHIJG-1.5e3DE\303\251\nABElongKaaaaaaaaaaaaaaaaFaaaaaaaaaaB";
    static const char twice[] = "{\"a\":1,\"b\":2,\"a\":3}";
    static trace got;
    ocitar_json json = OCITAR_ZERO, again = OCITAR_ZERO;
    char buffer[16];
    uint64_t seen[8];
    size_t piece, at, n;

    json.token_fn = on_token;
    json.user = &got;
    json.buffer = buffer;
    json.capacity = sizeof buffer;
    json.seen = seen;
    json.seen_capacity = 8;
    for (piece = 1; piece < sizeof text; piece++) {
        again = json;
        got.len = 0;
        EXPECT(ocitar_json_begin(&again) == OCITAR_OK);
        for (at = 0; at < sizeof text - 1; at += n) {
            n = sizeof text - 1 - at < piece ? sizeof text - 1 - at : piece;
            EXPECT(ocitar_json_push(&again, text + at, n) == OCITAR_OK);
        }
        EXPECT(ocitar_json_end(&again) == OCITAR_OK);
        EXPECT(got.len == sizeof want - 1 && same(got.text, want, got.len));
    }
    EXPECT(ocitar_json_begin(&json) == OCITAR_OK);
    EXPECT(ocitar_json_push(&json, twice, sizeof twice - 1) ==
           OCITAR_E_DUPLICATE);
}
#endif

/* ---- a sink that looks at what comes ------------------------------------ */

#if SHORT_PARTS & (SHORT_BLOB | SHORT_IMAGE | SHORT_CHECK)
/* It can put, and nothing else. One bit of the first byte from `flip` on that
   is not zero, which means that it is no padding, comes wrong. */
typedef struct watcher {
    ocitar_digester digester;
    uint32_t size;
    uint32_t flip;
    uint8_t flips; /* 1: it is to come */
    uint8_t bit;
#if SHORT_PARTS & SHORT_CHECK
    ocitar_checker *checker;
#endif
} watcher;

static int watch(watcher *w, const uint8_t *p, size_t len)
{
    w->size += (uint32_t)len;
    if (len == 0)
        return OCITAR_OK;
#if SHORT_PARTS & SHORT_CHECK
    if (w->checker != NULL)
        return ocitar_checker_push(w->checker, p, len);
#endif
    return ocitar_digester_update(&w->digester, p, len);
}

static int watcher_put(void *user, const void *data, size_t len)
{
    watcher *w = (watcher *)user;
    const uint8_t *p = (const uint8_t *)data;
    uint8_t wrong;
    size_t i;
    int e;

    for (i = 0; i < len && w->flips; i++)
        if (w->size + i >= w->flip && p[i] != 0)
            break;
    if (!w->flips || i == len)
        return watch(w, p, len);
    w->flips = 0;
    wrong = (uint8_t)(p[i] ^ 1u << w->bit);
    e = watch(w, p, i);
    if (e == OCITAR_OK)
        e = watch(w, &wrong, 1);
    return e == OCITAR_OK ? watch(w, p + i + 1, len - i - 1) : e;
}

static uint8_t output[512];
static ocitar_archive archive;
static ocitar_layout layout;
static watcher sink_user;

/* An archive over a watcher, or over nothing. */
static int begin_archive(const ocitar_sink *sink)
{
    ocitar_archive_desc desc = OCITAR_ZERO;

    if (sink != NULL)
        desc.sink = *sink;
    desc.buffer = output;
    desc.buffer_size = sizeof output;
    return ocitar_archive_begin(&archive, &desc);
}

static void watcher_sink(ocitar_sink *sink)
{
    const ocitar_sink none = OCITAR_ZERO;

    *sink = none;
    sink->put_fn = watcher_put;
    sink->user = &sink_user;
}
#endif

/* ---- a blob ------------------------------------------------------------- */

#if SHORT_PARTS & SHORT_BLOB
static int write_blob(const ocitar_digest *digest, const uint8_t *bytes,
                      size_t len)
{
    ocitar_blob *blob = &memory.blob.blob;
    ocitar_wait wait = OCITAR_ZERO;
    size_t at, n;
    int e;

    wait.way = OCITAR_WAIT_KNOWN;
    wait.size = len;
    wait.digest = *digest;
    e = ocitar_layout_init(&layout);
    if (e == OCITAR_OK)
        e = ocitar_blob_begin(blob, &layout, OCITAR_SHA256, &wait);
    for (at = 0; at < len && e == OCITAR_OK; at += n) {
        n = len - at < 77 ? len - at : 77;
        e = ocitar_blob_write(blob, bytes + at, n);
    }
    if (e == OCITAR_OK)
        e = ocitar_blob_commit(blob, OCITAR_SIZE_UNKNOWN, NULL);
    return e == OCITAR_OK ? ocitar_blob_close(blob) : e;
}

/* One of known size and digest, and the same with a digest that is wrong. */
static void check_blob(void)
{
    uint8_t *bytes = memory.blob.body;
    const size_t len = sizeof memory.blob.body;
    ocitar_digest digest, all;
    ocitar_sink sink;

    fill(bytes, len, 1);
    watcher_sink(&sink);
    EXPECT(ocitar_digest_of(&digest, OCITAR_SHA256, bytes, len) ==
           OCITAR_OK);
    EXPECT(ocitar_digester_begin(&sink_user.digester, OCITAR_SHA256, NULL) ==
           OCITAR_OK);
    EXPECT(begin_archive(&sink) == OCITAR_OK);
    EXPECT(ocitar_layout_begin(&layout, &archive, NULL) == OCITAR_OK);
    EXPECT(write_blob(&digest, bytes, len) == OCITAR_OK);
    EXPECT(ocitar_archive_finish(&archive) == OCITAR_OK);
    EXPECT(ocitar_archive_size(&archive) == 3584 && sink_user.size == 3584);
    EXPECT(ocitar_digester_end(&sink_user.digester, &all) == OCITAR_OK);
    EXPECT(digest_is(&all, BLOB_DIGEST));

    digest.bytes[31] ^= 1;
    EXPECT(begin_archive(NULL) == OCITAR_OK);
    EXPECT(ocitar_layout_begin(&layout, &archive, NULL) == OCITAR_OK);
    EXPECT(write_blob(&digest, bytes, len) == OCITAR_E_DIGEST);
    EXPECT(ocitar_archive_finish(&archive) == OCITAR_E_DIGEST);
    EXPECT(ocitar_archive_error(&archive)->code == OCITAR_E_DIGEST);
}
#endif

/* ---- an image ----------------------------------------------------------- */

#if SHORT_PARTS & (SHORT_IMAGE | SHORT_CHECK)
enum { IMAGES = 2, LAYERS = 3, KEYS = 12, BODY = 1500 };

static ocitar_key keys[KEYS];
static ocitar_rehearsed table[LAYERS];
static ocitar_descriptor pool[IMAGES + LAYERS];
static ocitar_index index_json;
static ocitar_image image;
static ocitar_layer layer;
static uint8_t body[BODY];

static int first_layer(void)
{
    ocitar_entry entry = OCITAR_ZERO;
    int e = ocitar_layer_begin(&layer, &image, NULL);

    if (e == OCITAR_OK)
        e = ocitar_layer_dir(&layer, "bin", 0755);
    if (e == OCITAR_OK)
        e = ocitar_layer_file(&layer, "bin/pump", 0755, body, sizeof body);
    if (e == OCITAR_OK)
        e = ocitar_layer_symlink(&layer, "bin/sh", "pump");
    entry.name = "na\303\257ve"; /* not ASCII: a pax record */
    entry.mode = 0600;
    entry.uid = 1000;
    entry.mtime.seconds = 1700000000;
    entry.mtime.set = 1;
    if (e == OCITAR_OK)
        e = ocitar_layer_entry(&layer, &entry);
    return e == OCITAR_OK ? ocitar_layer_end(&layer) : e;
}

static int second_layer(void)
{
    static const char settings[] = "baud=115200\n";
    int e = ocitar_layer_begin(&layer, &image, NULL);

    if (e == OCITAR_OK)
        e = ocitar_layer_whiteout(&layer, "bin/sh");
    if (e == OCITAR_OK)
        e = ocitar_layer_file(&layer, "settings", 0644, settings,
                              sizeof settings - 1);
    return e == OCITAR_OK ? ocitar_layer_end(&layer) : e;
}

static int container(void)
{
    static const char *const cmd[] = { "/bin/pump", "-v" };
    static const char *const env[] = { "PATH=/bin", "TEXT=\"\\\001" };
    static const ocitar_pair labels[] = { { "z", "1", 0, 0 },
                                          { "a", "\342\202\254", 0, 0 } };
    ocitar_image_desc desc = OCITAR_ZERO;
    int e;

    desc.reference = "localhost:5000/pump:7";
    desc.platform.architecture = "arm";
    desc.platform.variant = "v6";
    desc.created.seconds = 1700000000;
    desc.created.nanoseconds = 500000000;
    desc.created.set = 1;
    desc.cmd = cmd;
    desc.cmd_count = 2;
    desc.env = env;
    desc.env_count = 2;
    desc.labels = labels;
    desc.label_count = 2;
    e = ocitar_image_begin(&image, &index_json, &desc);
    if (e == OCITAR_OK)
        e = first_layer();
    if (e == OCITAR_OK)
        e = second_layer();
    return e == OCITAR_OK ? ocitar_image_end(&image) : e;
}

/* Its blob is put twice, and must be written once. */
static int artifact(void)
{
    static const ocitar_pair title = { "org.opencontainers.image.title",
                                       "pump.bin", 0, 0 };
    ocitar_image_desc desc = OCITAR_ZERO;
    ocitar_descriptor blob = OCITAR_ZERO;
    int e;

    blob.media_type = "application/octet-stream";
    blob.size = sizeof body;
    blob.annotations = &title;
    blob.annotation_count = 1;
    desc.reference = "localhost:5000/pump:7-raw";
    desc.artifact_type = "application/vnd.example.firmware";
    e = ocitar_blob_put(&layout, OCITAR_SHA256, body, sizeof body,
                        &blob.digest);
    if (e == OCITAR_OK)
        e = ocitar_blob_put(&layout, OCITAR_SHA256, body, sizeof body, NULL);
    if (e == OCITAR_OK)
        e = ocitar_image_begin(&image, &index_json, &desc);
    if (e == OCITAR_OK)
        e = ocitar_image_layer(&image, &blob);
    return e == OCITAR_OK ? ocitar_image_end(&image) : e;
}

static int write_layout(const ocitar_sink *sink, ocitar_rehearsal *rehearsal)
{
    ocitar_layout_desc desc = OCITAR_ZERO;
    ocitar_index_desc index_desc = OCITAR_ZERO;
    int e = begin_archive(sink);

    desc.keys = keys;
    desc.key_count = KEYS;
    desc.rehearsal = rehearsal;
    index_desc.descriptors = pool;
    index_desc.capacity = IMAGES + LAYERS;
    if (e == OCITAR_OK)
        e = ocitar_layout_begin(&layout, &archive, &desc);
    if (e == OCITAR_OK)
        e = ocitar_index_begin(&index_json, &layout, &index_desc);
    if (e == OCITAR_OK)
        e = container();
    if (e == OCITAR_OK)
        e = artifact();
    if (e == OCITAR_OK)
        e = ocitar_index_end(&index_json);
    return e == OCITAR_OK ? ocitar_archive_finish(&archive) : e;
}

int short_image(const ocitar_sink *sink)
{
    ocitar_rehearsal rehearsal = OCITAR_ZERO;
    int e;

    fill(body, sizeof body, 2);
    if (sink->put_at_fn != NULL)
        return write_layout(sink, NULL);
    rehearsal.table = table;
    rehearsal.capacity = LAYERS;
    e = write_layout(NULL, &rehearsal);
    ocitar_rehearsal_play(&rehearsal);
    return e == OCITAR_OK ? write_layout(sink, &rehearsal) : e;
}

int short_image_is(const ocitar_digest *digest)
{
    return digest_is(digest, IMAGE_DIGEST);
}
#endif

#if SHORT_PARTS & SHORT_IMAGE
static void check_image(void)
{
    ocitar_digest digest;
    ocitar_sink sink;

    watcher_sink(&sink);
    sink_user.size = 0;
    sink_user.flips = 0;
    EXPECT(ocitar_digester_begin(&sink_user.digester, OCITAR_SHA256, NULL) ==
           OCITAR_OK);
    EXPECT(short_image(&sink) == OCITAR_OK);
    EXPECT(ocitar_archive_size(&archive) == sink_user.size);
    EXPECT(ocitar_digester_end(&sink_user.digester, &digest) == OCITAR_OK);
    EXPECT(short_image_is(&digest));
}
#endif

/* ---- the checker -------------------------------------------------------- */

#if SHORT_PARTS & SHORT_CHECK
/* What the checker says of the image with this bit wrong, or of the right
   one. */
static int checked_image(uint8_t flips, uint32_t flip, uint8_t bit)
{
    struct check_memory *m = &memory.check;
    ocitar_checker_desc desc = OCITAR_ZERO;
    ocitar_sink sink;
    int e;

    desc.slots = m->slots;
    desc.slot_count = sizeof m->slots / sizeof m->slots[0];
    desc.seen = m->names;
    desc.seen_count = sizeof m->names / sizeof m->names[0];
    desc.buffer = m->strings;
    desc.buffer_size = sizeof m->strings;
    desc.core = 1;
    watcher_sink(&sink);
    sink_user.size = 0;
    sink_user.flips = flips;
    sink_user.flip = flip;
    sink_user.bit = bit;
    sink_user.checker = &m->checker;
    e = ocitar_checker_begin(&m->checker, &desc);
    if (e == OCITAR_OK)
        e = short_image(&sink);
    sink_user.checker = NULL;
    if (e != OCITAR_OK && e != OCITAR_E_SINK)
        return e;
    return ocitar_checker_end(&m->checker);
}

/* The right one; and single bits all over the archive, but for its last three
   files: of these a wrong bit may be a right letter. */
static void check_checker(void)
{
    uint32_t blobs;
    uint8_t i;

    EXPECT(checked_image(0, 0, 0) == OCITAR_OK);
    EXPECT(memory.check.checker.errors == 0);
    blobs = sink_user.size - 4608;
    for (i = 0; i < SHORT_FLIPS; i++) {
        EXPECT(checked_image(1, blobs / SHORT_FLIPS * i, i & 7) ==
               OCITAR_E_INVALID);
        EXPECT(!sink_user.flips);
    }
}
#endif

/* ---- all ---------------------------------------------------------------- */

int short_suite(void)
{
#if SHORT_PARTS & SHORT_DIGEST
    check_digests();
#endif
#if SHORT_PARTS & SHORT_TAR
    check_tar();
#endif
#if SHORT_PARTS & SHORT_JSON
    check_json();
#endif
#if SHORT_PARTS & SHORT_BLOB
    check_blob();
#endif
#if SHORT_PARTS & SHORT_IMAGE
    check_image();
#endif
#if SHORT_PARTS & SHORT_CHECK
    check_checker();
#endif
    if (failed == 0)
        SAY("PASS\n");
    return failed;
}
