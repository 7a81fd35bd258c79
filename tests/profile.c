/* profile.c - what a build with some of the configuration macros still does.

     profile DIRECTORY make   writes reference archives there (a full build)
     profile DIRECTORY        writes the same bytes, and checks the archives,
                              as far as this build can

   Ends with "N passed, N failed". */

#define OCITAR_IMPLEMENTATION
#include "ocitar.h"
#include "check.h"

static int making;
static const char *directory;

static const char *path_of(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static size_t load(const char *name, unsigned char *out, size_t room)
{
    FILE *f = fopen(path_of(name), "rb");
    size_t n = f != NULL ? fread(out, 1, room, f) : 0;

    if (f != NULL)
        fclose(f);
    return n;
}

static void save(const char *name, const unsigned char *data, size_t len)
{
    FILE *f = fopen(path_of(name), "wb");

    CHECK(f != NULL && fwrite(data, 1, len, f) == len && fclose(f) == 0);
}

static void test_digests(void)
{
    char text[OCITAR_DIGEST_TEXT_MAX];
    ocitar_digest d;

    CHECK_CODE(ocitar_digest_of(&d, OCITAR_SHA256, "abc", 3), OCITAR_OK);
    ocitar_digest_format(&d, text);
    CHECK(strcmp(text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a"
                       "9cb410ff61f20015ad") == 0);
#ifdef OCITAR_NO_SHA512
    CHECK_CODE(ocitar_digest_of(&d, OCITAR_SHA512, "abc", 3),
               OCITAR_E_UNSUPPORTED);
#else
    CHECK_CODE(ocitar_digest_of(&d, OCITAR_SHA512, "abc", 3), OCITAR_OK);
    ocitar_digest_format(&d, text);
    CHECK(strncmp(text, "sha512:ddaf35a193617abacc417349ae204131", 39) == 0);
#endif
}

static void test_texts(void)
{
    ocitar_error error = OCITAR_ZERO;
    char text[OCITAR_ERROR_MAX];

    error.code = OCITAR_E_SIZE;
    error.expected_size = 700;
    error.actual_size = 701;
    ocitar_error_format(&error, text, sizeof text);
#ifdef OCITAR_NO_ERROR_TEXT
    CHECK(strcmp(text, "error -7: 700 != 701") == 0);
    CHECK(ocitar_error_name(OCITAR_E_SIZE)[0] == 'E');
#else
    CHECK(strcmp(text, "unexpected size: 700 != 701") == 0);
    CHECK(strcmp(ocitar_error_name(OCITAR_E_SIZE), "E_SIZE") == 0);
#endif
}

/* A long name that only pax can hold. */
static void test_heads(void)
{
    unsigned char block[512];
    ocitar_entry entry = OCITAR_ZERO;
    ocitar_encoder encoder;
    char name[300];

    memset(name, 'n', sizeof name);
    entry.name = "short";
    CHECK_CODE(ocitar_encoder_begin(&encoder, &entry), OCITAR_OK);
    CHECK(ocitar_encoder_size(&encoder) == 512);
    CHECK(ocitar_encoder_next(&encoder, block) == 1 &&
          memcmp(block, "short\0", 6) == 0 &&
          memcmp(block + 257, "ustar", 6) == 0);
    CHECK(ocitar_encoder_next(&encoder, block) == 0);
    entry.name = name;
    entry.name_len = sizeof name;
#ifdef OCITAR_NO_PAX
    CHECK_CODE(ocitar_encoder_begin(&encoder, &entry), OCITAR_E_UNSUPPORTED);
#else
    CHECK_CODE(ocitar_encoder_begin(&encoder, &entry), OCITAR_OK);
    CHECK(ocitar_encoder_size(&encoder) == 1536);
    CHECK(ocitar_encoder_next(&encoder, block) == 1 && block[156] == 'x');
#endif
}

#ifndef OCITAR_CHECKER_ONLY
typedef struct writing {
    check_sink sink;
    ocitar_archive archive;
    ocitar_layout layout;
    unsigned char buffer[512];
} writing;

static void begin(writing *w)
{
    ocitar_archive_desc desc = OCITAR_ZERO;

    memset(w, 0, sizeof *w);
    desc.sink.put_fn = check_put;
    desc.sink.user = &w->sink;
    desc.buffer = w->buffer;
    desc.buffer_size = sizeof w->buffer;
    CHECK_CODE(ocitar_archive_begin(&w->archive, &desc), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&w->layout, &w->archive, NULL), OCITAR_OK);
}

/* Complete; the same as the reference, or else the reference. */
static void end(writing *w, const char *name)
{
    static unsigned char want[65536];
    size_t len;

    CHECK_CODE(ocitar_archive_finish(&w->archive), OCITAR_OK);
    if (making) {
        save(name, w->sink.data, w->sink.len);
    } else {
        len = load(name, want, sizeof want);
        CHECK(len > 0 && len == w->sink.len &&
              memcmp(want, w->sink.data, len) == 0);
    }
    free(w->sink.data);
}

static void test_blobs(void)
{
    static unsigned char waiting[3000];
    ocitar_wait wait = OCITAR_ZERO;
    ocitar_spool spool;
    ocitar_blob blob;
    writing w;

    begin(&w);
    CHECK_CODE(ocitar_layout_init(&w.layout), OCITAR_OK);
    memset(waiting, 'w', sizeof waiting);
    wait.way = OCITAR_WAIT_KNOWN;
    wait.size = sizeof waiting;
    CHECK_CODE(ocitar_digest_of(&wait.digest, OCITAR_SHA256, waiting,
                                sizeof waiting), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&blob, &w.layout, OCITAR_SHA256, &wait),
               OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&blob, waiting, sizeof waiting), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&blob, sizeof waiting, NULL), OCITAR_OK);
    memset(&wait, 0, sizeof wait);
    CHECK_CODE(ocitar_spool_begin_buffer(&spool, waiting, sizeof waiting),
               OCITAR_OK);
    wait.spool = &spool;
    CHECK_CODE(ocitar_blob_begin(&blob, &w.layout, OCITAR_SHA256, &wait),
               OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&blob, "waits", 5), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&blob, 5, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_file_put(&w.layout, "a/file", 0, 0644, "x", 1),
               OCITAR_OK);
    end(&w, "blobs.tar");
}

#ifndef OCITAR_NO_IMAGE
static void image(const char *name, const char *path)
{
    static unsigned char waiting[8192];
    ocitar_index_desc index_desc = OCITAR_ZERO;
    ocitar_image_desc image_desc = OCITAR_ZERO;
    ocitar_layer_desc layer_desc = OCITAR_ZERO;
    ocitar_descriptor pool[2];
    ocitar_spool spool;
    ocitar_index index;
    ocitar_image image;
    ocitar_layer layer;
    writing w;

    begin(&w);
    CHECK_CODE(ocitar_spool_begin_buffer(&spool, waiting, sizeof waiting),
               OCITAR_OK);
    index_desc.descriptors = pool;
    index_desc.capacity = 2;
    image_desc.reference = "localhost/profile:1";
    image_desc.platform.architecture = "arm";
    layer_desc.wait.spool = &spool;
    CHECK_CODE(ocitar_index_begin(&index, &w.layout, &index_desc), OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&image, &index, &image_desc), OCITAR_OK);
    CHECK_CODE(ocitar_layer_begin(&layer, &image, &layer_desc), OCITAR_OK);
#ifdef OCITAR_NO_PAX
    if (strlen(path) > 100) {
        CHECK_CODE(ocitar_layer_file(&layer, path, 0644, "hello", 5),
                   OCITAR_E_UNSUPPORTED);
        CHECK_CODE(ocitar_index_abandon(&index), OCITAR_OK);
        free(w.sink.data);
        return;
    }
#endif
    CHECK_CODE(ocitar_layer_file(&layer, path, 0644, "hello", 5), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&layer), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&image), OCITAR_OK);
    CHECK_CODE(ocitar_index_end(&index), OCITAR_OK);
    end(&w, name);
}

static void test_images(void)
{
    char path[160];

    image("image.tar", "etc/hello");
    memset(path, 'p', sizeof path);
    path[sizeof path - 1] = 0;
    image("pax.tar", path);
}
#endif
#endif

#ifndef OCITAR_WRITER_ONLY
static int verdict(const unsigned char *data, size_t len)
{
    static ocitar_checker checker;
    static ocitar_layer_checker layer;
    static unsigned char buffer[4096], layer_buffer[2048];
    static ocitar_slot slots[16];
    static ocitar_key paths[16];
    ocitar_checker_desc desc = OCITAR_ZERO;

    desc.slots = slots;
    desc.slot_count = 16;
    desc.buffer = buffer;
    desc.buffer_size = sizeof buffer;
    desc.layer = &layer;
    desc.layer_buffer = layer_buffer;
    desc.layer_buffer_size = sizeof layer_buffer;
    desc.paths = paths;
    desc.path_count = 16;
    CHECK_CODE(ocitar_checker_begin(&checker, &desc), OCITAR_OK);
    (void)ocitar_checker_push(&checker, data, len);
    return ocitar_checker_end(&checker);
}

static void test_checker(void)
{
    static const char *const names[2] = { "image.tar", "pax.tar" };
    static unsigned char data[65536];
    size_t len, i;

    for (i = 0; i < 2; i++) {
        len = load(names[i], data, sizeof data);
        CHECK(len > 4096);
        /* pax is only within the layer, which need not be looked into */
        CHECK_CODE(verdict(data, len), OCITAR_OK);
        data[600] ^= 1;
        CHECK_CODE(verdict(data, len), OCITAR_E_INVALID);
        data[600] ^= 1;
        CHECK_CODE(verdict(data, len / 2), OCITAR_E_INVALID);
    }
    CHECK_CODE(verdict((const unsigned char *)"not a tar", 9),
               OCITAR_E_INVALID);
}
#endif

int main(int argc, char **argv)
{
    if (argc < 2) {
        printf("usage: profile DIRECTORY [make]\n");
        return 2;
    }
    directory = argv[1];
    making = argc > 2;
    (void)check_put;
    (void)save;
    test_digests();
    test_texts();
    test_heads();
#ifndef OCITAR_CHECKER_ONLY
    test_blobs();
#ifndef OCITAR_NO_IMAGE
    test_images();
#endif
#endif
#ifndef OCITAR_WRITER_ONLY
    test_checker();
#endif
    return check_done();
}
