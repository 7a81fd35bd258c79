/* test_layer - layers: the tar that is inside the blob, byte for byte, and
   what a layer refuses. */

#include "ocitar.h"
#include "check.h"
#include "tar_reader.h"

/* ---- what a test starts with ---- */

enum { POOL = 4, PUT_ONLY = 0, PATCHABLE = 1 };

typedef struct fixture {
    check_sink out;
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_index index;
    ocitar_image image;
    ocitar_layer layer;
    ocitar_spool spool;
    ocitar_allocator heap;
    ocitar_descriptor pool[POOL];
    unsigned char buffer[512];
} fixture;

static int memory_put_at(void *user, uint64_t offset, const void *data,
                         size_t len)
{
    memcpy(((check_sink *)user)->data + offset, data, len);
    return 0;
}

static int memory_cut(void *user, uint64_t offset)
{
    ((check_sink *)user)->len = (size_t)offset;
    return 0;
}

static int image_begin(fixture *f)
{
    ocitar_image_desc d = OCITAR_ZERO;

    d.reference = "x:a";
    return ocitar_image_begin(&f->image, &f->index, &d);
}

static void start_with(fixture *f, int patchable, size_t capacity,
                       const ocitar_layout_desc *layout_desc)
{
    ocitar_archive_desc a = OCITAR_ZERO;
    ocitar_spool_desc s = OCITAR_ZERO;
    ocitar_index_desc d = OCITAR_ZERO;

    memset(f, 0, sizeof *f);
    a.buffer = f->buffer;
    a.buffer_size = sizeof f->buffer;
    a.sink.put_fn = check_put;
    a.sink.user = &f->out;
    if (patchable) {
        a.sink.put_at_fn = memory_put_at;
        a.sink.truncate_fn = memory_cut;
    }
    ocitar_heap(&f->heap);
    s.allocator = &f->heap;
    d.descriptors = f->pool;
    d.capacity = capacity;
    CHECK_CODE(ocitar_spool_begin(&f->spool, &s), OCITAR_OK);
    CHECK_CODE(ocitar_archive_begin(&f->archive, &a), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&f->layout, &f->archive, layout_desc),
               OCITAR_OK);
    CHECK_CODE(ocitar_index_begin(&f->index, &f->layout, &d), OCITAR_OK);
    CHECK_CODE(image_begin(f), OCITAR_OK);
}

static int layer_begin(fixture *f, uint8_t way)
{
    ocitar_layer_desc d = OCITAR_ZERO;

    d.wait.way = way;
    d.wait.spool = &f->spool;
    return ocitar_layer_begin(&f->layer, &f->image, &d);
}

static void start_way(fixture *f, uint8_t way)
{
    start_with(f, 1, POOL, NULL);
    CHECK_CODE(layer_begin(f, way), OCITAR_OK);
}

static void start(fixture *f)
{
    start_way(f, OCITAR_WAIT_SPOOL);
}

static void stop(fixture *f)
{
    ocitar_spool_end(&f->spool);
    free(f->out.data);
}

static int finish_all(fixture *f)
{
    int e = ocitar_image_end(&f->image);

    if (e == OCITAR_OK)
        e = ocitar_index_end(&f->index);
    return e == OCITAR_OK ? ocitar_archive_finish(&f->archive) : e;
}

/* Ends everything; the archive must then hold so many entries. */
static void stop_whole(fixture *f, int entries)
{
    bytes all;

    CHECK_CODE(finish_all(f), OCITAR_OK);
    all.data = f->out.data;
    all.len = f->out.len;
    CHECK(tar_count(all) == entries);
    stop(f);
}

/* The bytes of the n-th blob that the archive holds, from 0. */
static bytes blob_at(const fixture *f, int n)
{
    bytes all, found = { NULL, 0 };
    size_t at = 0;
    item it;

    all.data = f->out.data;
    all.len = f->out.len;
    while (tar_next(all, &at, &it))
        if (strncmp(it.name, "blobs/", 6) == 0 && it.type == '0' && n-- == 0) {
            found.data = it.body;
            found.len = it.size;
        }
    return found;
}

/* Ends the layer and all else; the layer's bytes. */
static bytes layer_bytes(fixture *f)
{
    CHECK_CODE(ocitar_layer_end(&f->layer), OCITAR_OK);
    CHECK_CODE(finish_all(f), OCITAR_OK);
    return blob_at(f, 0);
}

static const ocitar_error *error_of(const fixture *f)
{
    return ocitar_archive_error(&f->archive);
}

static unsigned char content[70000];

static void content_fill(void)
{
    size_t i;

    for (i = 0; i < sizeof content; i++)
        content[i] = (unsigned char)(i * 131 + 7 + i / 256);
}

/* ---- entries ---- */

static void entry_is(const item *it, const char *name, char type,
                     unsigned long mode, const char *link, size_t size)
{
    CHECK(strcmp(it->name, name) == 0);
    CHECK(strcmp(it->link, link) == 0);
    CHECK(it->type == type && it->mode == mode && it->size == size);
    CHECK(it->uid == 0 && it->gid == 0 && it->mtime == 0);
    CHECK(memcmp(it->head + 257, "ustar\00000", 8) == 0);
    CHECK(all_zero(it->head + 265, 64)); /* no user, no group */
}

static void test_entries(void)
{
    fixture f;
    bytes tar;
    size_t at = 0;
    item it;

    start(&f);
    CHECK_CODE(ocitar_layer_dir(&f.layer, "etc/", 0755), OCITAR_OK);
    CHECK_CODE(ocitar_layer_dir(&f.layer, "opt", 01777), OCITAR_OK);
    CHECK_CODE(ocitar_layer_file(&f.layer, "etc/f", 04750, content, 700),
               OCITAR_OK);
    CHECK_CODE(ocitar_layer_symlink(&f.layer, "etc/s", "../f"), OCITAR_OK);
    CHECK_CODE(ocitar_layer_link(&f.layer, "etc/h", "etc/f"), OCITAR_OK);
    CHECK_CODE(ocitar_layer_file(&f.layer, "none", 0, NULL, 0), OCITAR_OK);
    tar = layer_bytes(&f);
    CHECK(tar.len == 6 * 512 + 1024 + 1024);
    CHECK(tar_count(tar) == 6);
    CHECK(tar_next(tar, &at, &it));
    entry_is(&it, "etc/", '5', 0755, "", 0);
    CHECK(tar_next(tar, &at, &it));
    entry_is(&it, "opt", '5', 01777, "", 0);
    CHECK(tar_next(tar, &at, &it));
    entry_is(&it, "etc/f", '0', 04750, "", 700);
    CHECK(memcmp(it.body, content, 700) == 0);
    CHECK(tar_next(tar, &at, &it));
    entry_is(&it, "etc/s", '2', 0777, "../f", 0);
    CHECK(tar_next(tar, &at, &it));
    entry_is(&it, "etc/h", '1', 0644, "etc/f", 0);
    CHECK(tar_next(tar, &at, &it));
    entry_is(&it, "none", '0', 0, "", 0);
    stop(&f);
}

static void test_entry_of_any_type(void)
{
    ocitar_entry e = OCITAR_ZERO;
    fixture f;
    bytes tar;
    size_t at = 0;
    item it;

    start(&f);
    e.name = "dev/null-and-more";
    e.name_len = 8;
    e.typeflag = '3';
    e.devmajor = 1;
    e.devminor = 3;
    e.mode = 0666;
    e.uid = 7;
    e.gid = 8;
    e.uname = "u";
    e.mtime.set = 1;
    e.mtime.seconds = 1000;
    e.size = 5; /* has no body all the same */
    CHECK_CODE(ocitar_layer_entry(&f.layer, &e), OCITAR_OK);
    CHECK_CODE(ocitar_layer_file(&f.layer, "f", 0644, "x", 1), OCITAR_OK);
    tar = layer_bytes(&f);
    CHECK(tar_next(tar, &at, &it) && strcmp(it.name, "dev/null") == 0);
    CHECK(it.type == '3' && it.uid == 7 && it.gid == 8 && it.mtime == 1000);
    CHECK(octal(it.head + 329, 8) == 1 && octal(it.head + 337, 8) == 3);
    CHECK(it.head[265] == 'u');
    CHECK(tar_next(tar, &at, &it) && it.size == 1 && it.body[0] == 'x');
    CHECK(tar_count(tar) == 2);
    stop(&f);
}

/* Records go into the layer, and the body follows in pieces. */
static void test_entry_with_records(void)
{
    ocitar_pair pax = OCITAR_ZERO;
    ocitar_entry e = OCITAR_ZERO;
    fixture f;
    bytes tar;
    size_t at = 0, i;
    item it;

    start(&f);
    pax.key = "SCHILY.xattr.user.x";
    pax.value = "v";
    e.name = "f";
    e.size = 1000;
    e.pax = &pax;
    e.pax_count = 1;
    CHECK_CODE(ocitar_layer_entry(&f.layer, &e), OCITAR_OK);
    for (i = 0; i < 1000; i += 250)
        CHECK_CODE(ocitar_layer_write(&f.layer, content + i, 250), OCITAR_OK);
    CHECK_CODE(ocitar_layer_write(&f.layer, NULL, 0), OCITAR_OK);
    tar = layer_bytes(&f);
    CHECK(tar.len == 1024 + 512 + 1024 + 1024);
    CHECK(tar_next(tar, &at, &it) && it.type == 'x');
    CHECK(memcmp(it.body, "25 SCHILY.xattr.user.x=v\n", 25) == 0);
    CHECK(tar_next(tar, &at, &it) && it.size == 1000 &&
          memcmp(it.body, content, 1000) == 0);
    stop(&f);
}

static void test_sizes(void)
{
    static const size_t sizes[] = { 0, 1, 511, 512, 513, 1024, 70000 };
    fixture f;
    bytes tar;
    size_t at, i;
    item it;
    uint8_t way;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++) {
        start_way(&f, way);
        for (i = 0; i < 7; i++)
            CHECK_CODE(ocitar_layer_file(&f.layer, "f", 0644, content,
                                         sizes[i]), OCITAR_OK);
        tar = layer_bytes(&f);
        CHECK(tar_count(tar) == 7);
        for (at = i = 0; i < 7; i++)
            CHECK(tar_next(tar, &at, &it) && it.size == sizes[i] &&
                  memcmp(it.body, content, sizes[i]) == 0);
        stop(&f);
    }
}

static void test_empty_layer(void)
{
    fixture f;
    bytes tar;

    start(&f);
    tar = layer_bytes(&f);
    CHECK(tar.len == 1024 && all_zero(tar.data, 1024));
    stop(&f);
}

/* Name, descriptor, config and manifest give the digest of those bytes. */
static void test_digests(void)
{
    char text[OCITAR_DIGEST_TEXT_MAX], want[300], document[4096];
    ocitar_digest d;
    fixture f;
    bytes tar, b;

    start(&f);
    CHECK_CODE(ocitar_layer_file(&f.layer, "f", 0644, content, 5000),
               OCITAR_OK);
    tar = layer_bytes(&f);
    CHECK_CODE(ocitar_digest_of(&d, OCITAR_SHA256, tar.data, tar.len),
               OCITAR_OK);
    ocitar_digest_format(&d, text);
    CHECK(memcmp(tar.data - 512, "blobs/sha256/", 13) == 0 &&
          memcmp(tar.data - 512 + 13, text + 7, 64) == 0);
    CHECK(ocitar_digest_equal(&f.pool[0].digest, &d));
    CHECK(ocitar_digest_equal(&f.pool[0].diff_id, &d));
    CHECK(f.pool[0].size == tar.len);
    b = blob_at(&f, 1);
    snprintf(document, sizeof document, "%.*s", (int)b.len,
             (const char *)b.data);
    snprintf(want, sizeof want, "\"diff_ids\":[\"%s\"]", text);
    CHECK(strstr(document, want) != NULL);
    b = blob_at(&f, 2);
    snprintf(document, sizeof document, "%.*s", (int)b.len,
             (const char *)b.data);
    snprintf(want, sizeof want,
             "\"layers\":[{\"digest\":\"%s\",\"mediaType\":"
             "\"application/vnd.oci.image.layer.v1.tar\",\"size\":%u}]", text,
             (unsigned)tar.len);
    CHECK(strstr(document, want) != NULL);
    stop(&f);
}

static void test_description(void)
{
    static const ocitar_pair notes[] = { { "k", "v", 0, 0 } };
    ocitar_layer_desc d = OCITAR_ZERO;
    ocitar_layout_desc l = OCITAR_ZERO;
    fixture f;

    l.algorithms = OCITAR_SHA512;
    start_with(&f, 1, POOL, &l);
    d.wait.spool = &f.spool;
    d.media_type = "application/x.tar";
    d.annotations = notes;
    d.annotation_count = 1;
    d.algorithm = OCITAR_SHA512;
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
    CHECK(strcmp(f.pool[0].media_type, "application/x.tar") == 0);
    CHECK(f.pool[0].annotations == notes && f.pool[0].annotation_count == 1);
    CHECK(f.pool[0].digest.algorithm == OCITAR_SHA512);
    CHECK_CODE(finish_all(&f), OCITAR_OK);
    stop(&f);
}

/* No description at all: what AUTO does, of what is there. */
static void test_no_description(void)
{
    fixture f;

    start_with(&f, 1, POOL, NULL);
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_layer_file(&f.layer, "f", 0644, content, 5000),
               OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
    stop_whole(&f, 2 + 1 + 2 + 3);
}

static void test_two_layers(void)
{
    fixture f;
    bytes tar;

    start(&f);
    CHECK_CODE(ocitar_layer_file(&f.layer, "a", 0644, "a", 1), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
    CHECK_CODE(layer_begin(&f, OCITAR_WAIT_PATCH), OCITAR_OK);
    CHECK_CODE(ocitar_layer_file(&f.layer, "b", 0644, "b", 1), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
    CHECK(f.pool[0].size == 2048 && f.pool[1].size == 2048);
    CHECK(!ocitar_digest_equal(&f.pool[0].digest, &f.pool[1].digest));
    CHECK_CODE(finish_all(&f), OCITAR_OK);
    tar = blob_at(&f, 1);
    CHECK(tar.len == 2048 && tar.data[0] == 'b');
    CHECK(f.index.count == 3);
    stop(&f);
}

/* The same layer in two images is in the archive once, if it has keys. */
static void test_layer_recognised(void)
{
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_key keys[8];
    fixture f;
    uint8_t way;

    l.keys = keys;
    l.key_count = 8;
    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++) {
        start_with(&f, 1, POOL, &l);
        CHECK_CODE(layer_begin(&f, way), OCITAR_OK);
        CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
        CHECK_CODE(layer_begin(&f, way), OCITAR_OK);
        CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
        CHECK(ocitar_digest_equal(&f.pool[0].digest, &f.pool[1].digest));
        stop_whole(&f, 2 + 1 + 2 + 3);
    }
}

static void test_known_layer(void)
{
    ocitar_layer_desc d = OCITAR_ZERO;
    unsigned char zeros[1024];
    fixture f;

    memset(zeros, 0, sizeof zeros);
    start_with(&f, PUT_ONLY, POOL, NULL);
    d.wait.way = OCITAR_WAIT_KNOWN;
    d.wait.size = 1024;
    CHECK_CODE(ocitar_digest_of(&d.wait.digest, OCITAR_SHA256, zeros, 1024),
               OCITAR_OK);
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
    stop_whole(&f, 2 + 1 + 2 + 3);
    start_with(&f, PUT_ONLY, POOL, NULL);
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_OK);
    CHECK_CODE(ocitar_layer_file(&f.layer, "f", 0644, NULL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_SIZE);
    CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_E_SIZE);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_SIZE);
    stop(&f);
}

/* ---- raw ---- */

static void test_raw(void)
{
    ocitar_layer_desc d = OCITAR_ZERO;
    ocitar_entry e = OCITAR_ZERO;
    fixture f;
    bytes tar;

    start_with(&f, 1, POOL, NULL);
    d.wait.spool = &f.spool;
    d.raw = 1;
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_OK);
    CHECK_CODE(ocitar_layer_write(&f.layer, content, 700), OCITAR_OK);
    CHECK_CODE(ocitar_layer_write(&f.layer, content + 700, 1), OCITAR_OK);
    tar = layer_bytes(&f);
    CHECK(tar.len == 701 && memcmp(tar.data, content, 701) == 0);
    stop(&f);
    start_with(&f, 1, POOL, NULL);
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_OK);
    e.name = "f";
    CHECK_CODE(ocitar_layer_entry(&f.layer, &e), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_write(&f.layer, "x", 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_OK);
    CHECK_CODE(ocitar_layer_write(&f.layer, NULL, 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
    stop_whole(&f, 2 + 2 + 3);
}

/* ---- bodies that are not as long as announced ---- */

/* The layer is spoilt with `code`, and nothing of it stays; what follows is
   a whole archive with a layer that is not. */
static void spoilt(fixture *f, int code)
{
    CHECK(ocitar_archive_size(&f->archive) == 1024); /* at once */
    CHECK_CODE(ocitar_layer_file(&f->layer, "late", 0644, "x", 1), code);
    CHECK_CODE(ocitar_layer_write(&f->layer, "x", 1), code);
    CHECK_CODE(ocitar_layer_end(&f->layer), code);
    CHECK_CODE(ocitar_image_end(&f->image), code);
    CHECK_CODE(ocitar_index_end(&f->index), code);
    CHECK_CODE(ocitar_archive_finish(&f->archive), code);
    CHECK(error_of(f)->code == code);
    CHECK_CODE(ocitar_layer_abandon(&f->layer), OCITAR_OK);
    CHECK(error_of(f)->code == OCITAR_OK);
    CHECK_CODE(ocitar_layer_abandon(&f->layer), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_end(&f->layer), OCITAR_E_STATE);
    CHECK(ocitar_archive_size(&f->archive) == 1024);
    CHECK_CODE(layer_begin(f, OCITAR_WAIT_SPOOL), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&f->layer), OCITAR_OK);
    stop_whole(f, 2 + 1 + 2 + 3);
}

static void begin_body(fixture *f, uint8_t way, int64_t size, size_t written)
{
    ocitar_entry e = OCITAR_ZERO;

    start_way(f, way);
    e.name = "f";
    e.size = size;
    CHECK_CODE(ocitar_layer_entry(&f->layer, &e), OCITAR_OK);
    CHECK_CODE(ocitar_layer_write(&f->layer, content, written), OCITAR_OK);
}

static void size_is(fixture *f, uint64_t expected, uint64_t actual)
{
    CHECK(error_of(f)->expected_size == expected);
    CHECK(error_of(f)->actual_size == actual);
}

static void test_body_too_short(void)
{
    ocitar_entry e = OCITAR_ZERO;
    fixture f;
    uint8_t way;

    e.name = "g";
    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++) {
        begin_body(&f, way, 700, 699);
        CHECK_CODE(ocitar_layer_entry(&f.layer, &e), OCITAR_E_SIZE);
        size_is(&f, 700, 699);
        spoilt(&f, OCITAR_E_SIZE);
        begin_body(&f, way, 1, 0);
        CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_SIZE);
        size_is(&f, 1, 0);
        spoilt(&f, OCITAR_E_SIZE);
        begin_body(&f, way, 5000, 4096);
        CHECK_CODE(ocitar_layer_dir(&f.layer, "d", 0755), OCITAR_E_SIZE);
        size_is(&f, 5000, 4096);
        spoilt(&f, OCITAR_E_SIZE);
    }
}

static void test_body_too_long(void)
{
    fixture f;
    uint8_t way;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++) {
        begin_body(&f, way, 700, 600);
        CHECK_CODE(ocitar_layer_write(&f.layer, content, 101), OCITAR_E_SIZE);
        size_is(&f, 700, 701);
        spoilt(&f, OCITAR_E_SIZE);
        begin_body(&f, way, 700, 700);
        CHECK_CODE(ocitar_layer_write(&f.layer, content, 1), OCITAR_E_SIZE);
        size_is(&f, 700, 701);
        spoilt(&f, OCITAR_E_SIZE);
        begin_body(&f, way, 0, 0);
        CHECK_CODE(ocitar_layer_write(&f.layer, content, 2), OCITAR_E_SIZE);
        size_is(&f, 0, 2);
        spoilt(&f, OCITAR_E_SIZE);
        start_way(&f, way); /* before any entry */
        CHECK_CODE(ocitar_layer_write(&f.layer, content, 2), OCITAR_E_SIZE);
        size_is(&f, 0, 2);
        spoilt(&f, OCITAR_E_SIZE);
    }
}

/* Types without a body take none, whatever size they say. */
static void test_body_of_none(void)
{
    ocitar_entry e = OCITAR_ZERO;
    fixture f;
    char type;

    for (type = '1'; type <= '6'; type++) {
        start(&f);
        e.name = "l";
        e.linkname = type <= '2' ? "f" : NULL;
        e.typeflag = type;
        e.size = 3;
        CHECK_CODE(ocitar_layer_entry(&f.layer, &e), OCITAR_OK);
        CHECK_CODE(ocitar_layer_write(&f.layer, "abc", 3), OCITAR_E_SIZE);
        spoilt(&f, OCITAR_E_SIZE);
    }
}

/* Bytes that are not there must not count as written. */
static void test_body_of_null(void)
{
    fixture f;

    begin_body(&f, OCITAR_WAIT_SPOOL, 5, 0);
    CHECK_CODE(ocitar_layer_write(&f.layer, NULL, 5), OCITAR_E_ARG);
    spoilt(&f, OCITAR_E_ARG);
    start(&f);
    CHECK_CODE(ocitar_layer_file(&f.layer, "f", 0644, NULL, 5), OCITAR_E_ARG);
    CHECK(ocitar_layer_end(&f.layer) != OCITAR_OK);
    spoilt(&f, OCITAR_E_ARG);
}

/* ---- what an entry may not be ---- */

static void refuse(const ocitar_entry *e, int code)
{
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_layer_file(&f.layer, "before", 0644, "x", 1),
               OCITAR_OK);
    CHECK_CODE(ocitar_layer_entry(&f.layer, e), code);
    spoilt(&f, code);
}

static void test_names_refused(void)
{
    static const char *const names[] = { "",       "/",       "/etc/passwd",
                                         "..",     "../x",    "a/..",
                                         "a/../b", "a/../../b", "./..",
                                         "../" };
    ocitar_entry e = OCITAR_ZERO;
    fixture f;
    size_t i;

    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        e.name = names[i];
        e.typeflag = i % 2 ? '0' : '5';
        refuse(&e, OCITAR_E_NAME);
    }
    e.typeflag = 0;
    e.name = NULL;
    refuse(&e, OCITAR_E_NAME);
    e.name = "a\0b";
    e.name_len = 3;
    refuse(&e, OCITAR_E_NAME);
    start(&f);
    CHECK_CODE(ocitar_layer_file(&f.layer, "f/", 0644, "", 0), OCITAR_E_NAME);
    spoilt(&f, OCITAR_E_NAME);
    start(&f);
    CHECK_CODE(ocitar_layer_symlink(&f.layer, "/s", "x"), OCITAR_E_NAME);
    spoilt(&f, OCITAR_E_NAME);
    start(&f);
    CHECK_CODE(ocitar_layer_link(&f.layer, "../s", "x"), OCITAR_E_NAME);
    spoilt(&f, OCITAR_E_NAME);
    start(&f);
    CHECK_CODE(ocitar_layer_dir(&f.layer, NULL, 0755), OCITAR_E_NAME);
    spoilt(&f, OCITAR_E_NAME);
}

static void test_entries_refused(void)
{
    static const ocitar_pair pax[] = { { "k", "1", 0, 0 },
                                       { "k", "2", 0, 0 } };
    ocitar_entry e = OCITAR_ZERO;

    refuse(NULL, OCITAR_E_ARG);
    e.name = "f";
    e.size = -1;
    refuse(&e, OCITAR_E_RANGE);
    e.size = 0;
    e.mode = 010000000;
    refuse(&e, OCITAR_E_RANGE);
    e.mode = 0;
    e.typeflag = 'x';
    refuse(&e, OCITAR_E_ARG);
    e.typeflag = 0;
    e.pax = pax;
    e.pax_count = 2;
    refuse(&e, OCITAR_E_DUPLICATE);
    e.pax_count = 0;
    e.uid = 010000000;
    e.format = OCITAR_FORMAT_USTAR;
    refuse(&e, OCITAR_E_RANGE);
}

/* ---- bodies from a source ---- */

/* Gives `len` bytes of the content in pieces of `piece`; at the call whose
   number is `fail_at` (from 1) it fails with `code`, at `lie_at` it claims
   one byte more than there is room for. */
typedef struct tap {
    size_t len, at, piece, room;
    int calls, fail_at, code, lie_at, wrong;
} tap;

static int tap_get(void *user, void *out, size_t capacity, size_t *len)
{
    tap *t = (tap *)user;
    size_t n = t->len - t->at;

    t->wrong += capacity != t->room || *len != 0;
    t->calls++;
    if (t->calls == t->fail_at)
        return t->code;
    if (t->calls == t->lie_at) {
        *len = capacity + 1;
        return 0;
    }
    n = n < t->piece ? n : t->piece;
    n = n < capacity ? n : capacity;
    memcpy(out, content + t->at, n);
    t->at += n;
    *len = n;
    return 0;
}

/* Copies an entry "f" of `size` bytes from the tap, through `room` bytes. */
static int copy_file(fixture *f, tap *t, int64_t size, size_t room)
{
    static unsigned char buffer[70000];
    ocitar_source source = OCITAR_ZERO;
    ocitar_entry e = OCITAR_ZERO;

    e.name = "f";
    e.size = size;
    e.mode = 0640;
    source.get_fn = tap_get;
    source.user = t;
    t->room = room;
    return ocitar_layer_copy(&f->layer, &e, &source, buffer, room);
}

static tap tap_of(size_t len, size_t piece)
{
    tap t;

    memset(&t, 0, sizeof t);
    t.len = len;
    t.piece = piece;
    return t;
}

/* However it comes, the entry is the same, and the next one follows it. */
static void test_copy_sizes(void)
{
    static const size_t sizes[] = { 0, 1, 511, 512, 513, 1024, 70000 };
    static const size_t rooms[] = { 1, 7, 512, 70000 };
    static const size_t pieces[] = { 1, 100, 512, 70000 };
    fixture f;
    bytes tar;
    size_t i, j, at;
    item it;
    tap t;

    for (i = 0; i < 7; i++)
        for (j = 0; j < 4; j++) {
            if (sizes[i] > 1024 && j == 0)
                continue;
            start_way(&f, j % 2 ? OCITAR_WAIT_SPOOL : OCITAR_WAIT_PATCH);
            t = tap_of(sizes[i], pieces[3 - j]);
            CHECK_CODE(copy_file(&f, &t, (int64_t)sizes[i], rooms[j]),
                       OCITAR_OK);
            CHECK(t.at == sizes[i] && t.wrong == 0);
            CHECK_CODE(ocitar_layer_dir(&f.layer, "d", 0755), OCITAR_OK);
            tar = layer_bytes(&f);
            CHECK(tar_count(tar) == 2);
            at = 0;
            CHECK(tar_next(tar, &at, &it));
            entry_is(&it, "f", '0', 0640, "", sizes[i]);
            CHECK(memcmp(it.body, content, sizes[i]) == 0);
            CHECK(tar_next(tar, &at, &it));
            entry_is(&it, "d", '5', 0755, "", 0);
            stop(&f);
        }
}

static void test_copy_too_short(void)
{
    fixture f;
    tap t;
    uint8_t way;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++) {
        start_way(&f, way);
        t = tap_of(699, 100);
        CHECK_CODE(copy_file(&f, &t, 700, 512), OCITAR_E_SIZE);
        size_is(&f, 700, 699);
        CHECK(strcmp(error_of(&f)->subject, "layer entry: body too short") ==
              0);
        spoilt(&f, OCITAR_E_SIZE);
        start_way(&f, way);
        t = tap_of(0, 1);
        CHECK_CODE(copy_file(&f, &t, 1, 1), OCITAR_E_SIZE);
        CHECK(t.calls == 1);
        size_is(&f, 1, 0);
        spoilt(&f, OCITAR_E_SIZE);
    }
}

/* A source that has more is asked for no more than it takes to know it. */
static void test_copy_too_long(void)
{
    fixture f;
    tap t;
    uint8_t way;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++) {
        start_way(&f, way);
        t = tap_of(701, 512);
        CHECK_CODE(copy_file(&f, &t, 700, 512), OCITAR_E_SIZE);
        size_is(&f, 700, 701);
        spoilt(&f, OCITAR_E_SIZE);
        start_way(&f, way);
        t = tap_of(5000, 100);
        CHECK_CODE(copy_file(&f, &t, 700, 512), OCITAR_E_SIZE);
        size_is(&f, 700, 800);
        CHECK(t.calls == 8);
        spoilt(&f, OCITAR_E_SIZE);
        start_way(&f, way);
        t = tap_of(1, 1);
        CHECK_CODE(copy_file(&f, &t, 0, 1), OCITAR_E_SIZE);
        size_is(&f, 0, 1);
        spoilt(&f, OCITAR_E_SIZE);
    }
}

/* The source's own code comes back, at the first call, between, and where it
   has given all and is asked for its end. */
static void test_copy_source_fails(void)
{
    fixture f;
    tap t;
    int at;
    uint8_t way;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++)
        for (at = 1; at <= 4; at++) {
            start_way(&f, way);
            t = tap_of(300, 100);
            t.fail_at = at;
            t.code = -70 - at;
            CHECK_CODE(copy_file(&f, &t, 300, 512), OCITAR_E_SOURCE);
            CHECK(error_of(&f)->user_code == -70 - at && t.calls == at);
            CHECK(strcmp(error_of(&f)->subject, "layer copy") == 0);
            spoilt(&f, OCITAR_E_SOURCE);
        }
}

static void test_copy_source_lies(void)
{
    fixture f;
    tap t;
    int at;

    for (at = 1; at <= 4; at++) {
        start(&f);
        t = tap_of(300, 100);
        t.lie_at = at;
        CHECK_CODE(copy_file(&f, &t, 300, 512), OCITAR_E_SOURCE);
        CHECK(error_of(&f)->user_code == 0 && t.calls == at);
        spoilt(&f, OCITAR_E_SOURCE);
    }
}

/* Types without a body take an empty source, whatever size they say. */
static void test_copy_of_no_body(void)
{
    ocitar_source source = OCITAR_ZERO;
    ocitar_entry e = OCITAR_ZERO;
    unsigned char room[512];
    fixture f;
    bytes tar;
    tap t;
    char type;

    source.get_fn = tap_get;
    source.user = &t;
    for (type = '1'; type <= '6'; type++) {
        e.name = "l";
        e.linkname = type <= '2' ? "f" : NULL;
        e.typeflag = type;
        e.size = 3;
        start(&f);
        t = tap_of(0, 1);
        t.room = 512;
        CHECK_CODE(ocitar_layer_copy(&f.layer, &e, &source, room, 512),
                   OCITAR_OK);
        CHECK(t.calls == 1 && t.wrong == 0);
        tar = layer_bytes(&f);
        CHECK(tar.len == 512 + 1024 && tar_count(tar) == 1);
        CHECK((char)tar.data[156] == type);
        stop(&f);
        start(&f);
        t = tap_of(3, 3);
        t.room = 1;
        CHECK_CODE(ocitar_layer_copy(&f.layer, &e, &source, room, 1),
                   OCITAR_E_SIZE);
        size_is(&f, 0, 1); /* whatever size the head says */
        spoilt(&f, OCITAR_E_SIZE);
    }
}

/* A bad argument spoils the layer, and nothing is read. */
static void test_copy_arguments(void)
{
    ocitar_source source = OCITAR_ZERO, none = OCITAR_ZERO;
    ocitar_entry e = OCITAR_ZERO;
    unsigned char room[16];
    ocitar_layer dead;
    fixture f;
    tap t = tap_of(0, 1);
    int i;

    source.get_fn = tap_get;
    source.user = &t;
    e.name = "f";
    memset(&dead, 0, sizeof dead);
    CHECK_CODE(ocitar_layer_copy(NULL, &e, &source, room, 16), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_copy(&dead, &e, &source, room, 16),
               OCITAR_E_STATE);
    for (i = 0; i < 5; i++) {
        start_way(&f, OCITAR_WAIT_PATCH);
        CHECK_CODE(ocitar_layer_copy(&f.layer, i == 0 ? NULL : &e,
                                     i == 1   ? NULL
                                     : i == 2 ? &none
                                              : &source,
                                     i == 3 ? NULL : room, i == 4 ? 0 : 16),
                   OCITAR_E_ARG);
        spoilt(&f, OCITAR_E_ARG);
    }
    start_way(&f, OCITAR_WAIT_PATCH);
    e.name = "/f";
    CHECK_CODE(ocitar_layer_copy(&f.layer, &e, &source, room, 16),
               OCITAR_E_NAME);
    e.name = "f"; /* the first error stays, whatever comes */
    CHECK_CODE(ocitar_layer_copy(&f.layer, &e, NULL, room, 16),
               OCITAR_E_NAME);
    spoilt(&f, OCITAR_E_NAME);
    begin_body(&f, OCITAR_WAIT_SPOOL, 5, 4);
    CHECK_CODE(ocitar_layer_copy(&f.layer, &e, &source, room, 16),
               OCITAR_E_SIZE);
    size_is(&f, 5, 4);
    spoilt(&f, OCITAR_E_SIZE);
    CHECK(t.calls == 0);
}

/* ---- entries from a table ---- */

static const char item_text[] = "constant";

static const ocitar_item rom[] = {
    { { "etc/", NULL, NULL, NULL, 0, 0, 0, 0, 0, 0755, 0, 0, 0, 0,
        OCITAR_ZERO, OCITAR_ZERO, OCITAR_ZERO, NULL, 0, 0, 0 }, NULL },
    { { "etc/f", NULL, "u", "g", 0, 0, 0, 0, 8, 04750, 7, 8, 0, 0,
        { 1000, 0, 1 }, OCITAR_ZERO, OCITAR_ZERO, NULL, 0, 0, 0 },
      item_text },
    { { "none", NULL, NULL, NULL, 0, 0, 0, 0, 0, 0600, 0, 0, 0, 0,
        OCITAR_ZERO, OCITAR_ZERO, OCITAR_ZERO, NULL, 0, '0', 0 }, NULL },
    { { "hardlink", "etc/f", NULL, NULL, 4, 0, 0, 0, 8, 0644, 0, 0, 0, 0,
        OCITAR_ZERO, OCITAR_ZERO, OCITAR_ZERO, NULL, 0, '1', 0 }, NULL },
    { { "soft", "etc", NULL, NULL, 0, 0, 0, 0, 3, 0777, 0, 0, 0, 0,
        OCITAR_ZERO, OCITAR_ZERO, OCITAR_ZERO, NULL, 0, '2', 0 },
      item_text }, /* not read: a link has no body */
    { { "char", NULL, NULL, NULL, 0, 0, 0, 0, 0, 0666, 0, 0, 1, 3,
        OCITAR_ZERO, OCITAR_ZERO, OCITAR_ZERO, NULL, 0, '3', 0 }, NULL },
    { { "disk", NULL, NULL, NULL, 0, 0, 0, 0, 0, 0660, 0, 0, 8, 17,
        OCITAR_ZERO, OCITAR_ZERO, OCITAR_ZERO, NULL, 0, '4', 0 }, NULL },
    { { "dir", NULL, NULL, NULL, 0, 0, 0, 0, 0, 0700, 0, 0, 0, 0,
        OCITAR_ZERO, OCITAR_ZERO, OCITAR_ZERO, NULL, 0, '5', 0 }, NULL },
    { { "fifo", NULL, NULL, NULL, 0, 0, 0, 0, 0, 0620, 0, 0, 0, 0,
        OCITAR_ZERO, OCITAR_ZERO, OCITAR_ZERO, NULL, 0, '6', 0 }, NULL },
    { { "last", NULL, NULL, NULL, 0, 0, 0, 0, 513, 0644, 0, 0, 0, 0,
        OCITAR_ZERO, OCITAR_ZERO, OCITAR_ZERO, NULL, 0, 0, 0 }, content }
};

enum { ROM = sizeof rom / sizeof rom[0] };

static void rom_is(bytes tar)
{
    size_t at = 0;
    item it;

    CHECK(tar_next(tar, &at, &it));
    entry_is(&it, "etc/", '5', 0755, "", 0);
    CHECK(tar_next(tar, &at, &it) && strcmp(it.name, "etc/f") == 0);
    CHECK(it.type == '0' && it.mode == 04750 && it.size == 8);
    CHECK(it.uid == 7 && it.gid == 8 && it.mtime == 1000);
    CHECK(it.head[265] == 'u' && it.head[297] == 'g');
    CHECK(memcmp(it.body, item_text, 8) == 0);
    CHECK(tar_next(tar, &at, &it));
    entry_is(&it, "none", '0', 0600, "", 0);
    CHECK(tar_next(tar, &at, &it));
    entry_is(&it, "hard", '1', 0644, "etc/f", 0);
    CHECK(tar_next(tar, &at, &it));
    entry_is(&it, "soft", '2', 0777, "etc", 0);
    CHECK(tar_next(tar, &at, &it));
    entry_is(&it, "char", '3', 0666, "", 0);
    CHECK(octal(it.head + 329, 8) == 1 && octal(it.head + 337, 8) == 3);
    CHECK(tar_next(tar, &at, &it));
    entry_is(&it, "disk", '4', 0660, "", 0);
    CHECK(octal(it.head + 329, 8) == 8 && octal(it.head + 337, 8) == 17);
    CHECK(tar_next(tar, &at, &it));
    entry_is(&it, "dir", '5', 0700, "", 0);
    CHECK(tar_next(tar, &at, &it));
    entry_is(&it, "fifo", '6', 0620, "", 0);
    CHECK(tar_next(tar, &at, &it));
    entry_is(&it, "last", '0', 0644, "", 513);
    CHECK(memcmp(it.body, content, 513) == 0);
    CHECK(tar_count(tar) == ROM);
}

static void test_items(void)
{
    fixture f;
    bytes tar;
    uint8_t way;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++) {
        start_way(&f, way);
        CHECK_CODE(ocitar_layer_items(&f.layer, rom, ROM), OCITAR_OK);
        tar = layer_bytes(&f);
        rom_is(tar);
        stop(&f);
        start_way(&f, way); /* in two calls, with nothing between them */
        CHECK_CODE(ocitar_layer_items(&f.layer, NULL, 0), OCITAR_OK);
        CHECK_CODE(ocitar_layer_items(&f.layer, rom, 4), OCITAR_OK);
        CHECK_CODE(ocitar_layer_items(&f.layer, rom, 0), OCITAR_OK);
        CHECK_CODE(ocitar_layer_items(&f.layer, rom + 4, ROM - 4),
                   OCITAR_OK);
        tar = layer_bytes(&f);
        rom_is(tar);
        stop(&f);
    }
}

/* The first bad item stops: the code and the bytes say which it was. */
static void test_items_stop(void)
{
    ocitar_item v[4];
    fixture f;
    uint64_t before;
    size_t i;

    memset(v, 0, sizeof v);
    v[0].entry.name = "a";
    v[1].entry.name = "b";
    v[2].entry.name = "../c";
    v[3].entry.name = ".wh.d";
    start_way(&f, OCITAR_WAIT_PATCH);
    CHECK_CODE(ocitar_layer_items(&f.layer, v, 4), OCITAR_E_NAME);
    CHECK_CODE(ocitar_layer_items(&f.layer, v, 1), OCITAR_E_NAME);
    CHECK_CODE(ocitar_layer_items(&f.layer, NULL, 1), OCITAR_E_NAME);
    CHECK_CODE(ocitar_layer_items(&f.layer, NULL, 0), OCITAR_E_NAME);
    spoilt(&f, OCITAR_E_NAME);
    v[2].entry.name = "c";
    start_way(&f, OCITAR_WAIT_PATCH);
    CHECK_CODE(ocitar_layer_items(&f.layer, v, 4), OCITAR_E_WHITEOUT);
    spoilt(&f, OCITAR_E_WHITEOUT);
    for (i = 0; i < 3; i++) { /* a body that is not there */
        v[i].entry.size = 5;
        start_way(&f, OCITAR_WAIT_PATCH);
        before = f.layer.size;
        CHECK_CODE(ocitar_layer_items(&f.layer, v, 4), OCITAR_E_ARG);
        CHECK(before == 0 && f.layer.size == 512 * (i + 1));
        spoilt(&f, OCITAR_E_ARG);
        v[i].entry.size = 0;
    }
}

static void test_items_arguments(void)
{
    ocitar_layer dead;
    fixture f;

    memset(&dead, 0, sizeof dead);
    CHECK_CODE(ocitar_layer_items(NULL, rom, ROM), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_items(NULL, NULL, 0), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_items(&dead, rom, ROM), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_items(&dead, NULL, 0), OCITAR_E_STATE);
    start_way(&f, OCITAR_WAIT_PATCH);
    CHECK_CODE(ocitar_layer_items(&f.layer, NULL, 1), OCITAR_E_ARG);
    CHECK(strcmp(error_of(&f)->subject, "layer items") == 0);
    spoilt(&f, OCITAR_E_ARG);
    begin_body(&f, OCITAR_WAIT_SPOOL, 5, 4);
    CHECK_CODE(ocitar_layer_items(&f.layer, rom, ROM), OCITAR_E_SIZE);
    size_is(&f, 5, 4);
    spoilt(&f, OCITAR_E_SIZE);
}

/* ---- the directories above ---- */

enum { KEYS = 8 };

/* A layer that knows its paths, by so many slots. */
static void start_paths(fixture *f, ocitar_key *keys, uint32_t count)
{
    ocitar_layer_desc d = OCITAR_ZERO;

    start_with(f, 1, POOL, NULL);
    d.wait.way = OCITAR_WAIT_PATCH;
    d.paths = keys;
    d.path_count = count;
    memset(keys, 0xA5, KEYS * sizeof *keys); /* it clears them itself */
    CHECK_CODE(ocitar_layer_begin(&f->layer, &f->image, &d), OCITAR_OK);
}

/* The layer's entries are directories of this mode: "name name ". */
static void parents_are(fixture *f, const char *names, unsigned long mode)
{
    bytes tar = layer_bytes(f);
    char text[256] = "";
    size_t at = 0, n = 0;
    item it;

    while (tar_next(tar, &at, &it)) {
        entry_is(&it, it.name, '5', mode, "", 0);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s ", it.name);
    }
    CHECK(strcmp(text, names) == 0);
    if (strcmp(text, names) != 0)
        printf("  \"%s\", not \"%s\"\n", text, names);
    stop(f);
}

static void test_parents(void)
{
    static const struct { const char *name, *parents; } cases[] = {
        { "a/b/c", "a/ a/b/ " },
        { "a/b/c/", "a/ a/b/ " },
        { "a/b/c/.", "a/ a/b/ " },
        { "./a//b/", "./a/ " },
        { "a//b/c", "a/ a//b/ " },
        { "a/./b/c", "a/ a/./b/ " },
        { ".//x", "" },
        { "a", "" },
        { "a/", "" },
        { "./a", "" },
        { ".", "" },
        { "./", "" },
        { "a/b", "a/ " },
        { ".a/..b/c", ".a/ .a/..b/ " },
        { "1/2/3/4/5/6/7/8/9", "1/ 1/2/ 1/2/3/ 1/2/3/4/ 1/2/3/4/5/ "
                               "1/2/3/4/5/6/ 1/2/3/4/5/6/7/ "
                               "1/2/3/4/5/6/7/8/ " }
    };
    ocitar_key keys[KEYS];
    fixture f;
    size_t i;

    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start_paths(&f, keys, KEYS);
        CHECK_CODE(ocitar_layer_parents(&f.layer, cases[i].name, 0711),
                   OCITAR_OK);
        CHECK_CODE(ocitar_layer_parents(&f.layer, cases[i].name, 0700),
                   OCITAR_OK); /* all are there */
        parents_are(&f, cases[i].parents, 0711);
    }
}

/* What is there is not added, under whichever spelling it came. */
static void test_parents_that_exist(void)
{
    static const char *const spelt[] = { "a", "a/", "./a", "./a/", "a//",
                                         "./a/." };
    ocitar_key keys[KEYS];
    char want[64];
    fixture f;
    size_t i;

    for (i = 0; i < sizeof spelt / sizeof spelt[0]; i++) {
        start_paths(&f, keys, KEYS);
        CHECK_CODE(ocitar_layer_dir(&f.layer, spelt[i], 0750), OCITAR_OK);
        CHECK_CODE(ocitar_layer_parents(&f.layer, "a/b/c", 0750), OCITAR_OK);
        CHECK_CODE(ocitar_layer_parents(&f.layer, "./a/b//d", 0750),
                   OCITAR_OK);
        CHECK_CODE(ocitar_layer_dir(&f.layer, "a/b/", 0750),
                   OCITAR_E_DUPLICATE);
        CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
        stop_whole(&f, 2 + 2 + 3);
        start_paths(&f, keys, KEYS);
        CHECK_CODE(ocitar_layer_dir(&f.layer, spelt[i], 0750), OCITAR_OK);
        CHECK_CODE(ocitar_layer_parents(&f.layer, "a/b/c", 0750), OCITAR_OK);
        CHECK_CODE(ocitar_layer_parents(&f.layer, "./a/b//d/e", 0750),
                   OCITAR_OK);
        snprintf(want, sizeof want, "%s a/b/ ./a/b//d/ ", spelt[i]);
        parents_are(&f, want, 0750);
    }
    start_paths(&f, keys, KEYS); /* "./" is no reason to leave one out */
    CHECK_CODE(ocitar_layer_dir(&f.layer, "./", 0755), OCITAR_OK);
    CHECK_CODE(ocitar_layer_parents(&f.layer, "./a/b", 0755), OCITAR_OK);
    parents_are(&f, "./ ./a/ ", 0755);
}

static void parents_refused(const char *name, uint32_t count, int code)
{
    ocitar_key keys[KEYS];
    fixture f;

    start_paths(&f, keys, count);
    CHECK_CODE(ocitar_layer_parents(&f.layer, name, 0755), code);
    CHECK_CODE(ocitar_layer_parents(&f.layer, "x", 0755), code);
    spoilt(&f, code);
}

static void test_parents_refused(void)
{
    ocitar_layer dead;
    fixture f;

    parents_refused("../a", KEYS, OCITAR_E_NAME);
    parents_refused("a/../b", KEYS, OCITAR_E_NAME);
    parents_refused("/a/b", KEYS, OCITAR_E_NAME);
    parents_refused(".wh.a/b", KEYS, OCITAR_E_WHITEOUT);
    parents_refused("a/.wh.b/c", KEYS, OCITAR_E_WHITEOUT);
    parents_refused("", KEYS, OCITAR_E_ARG);
    parents_refused(NULL, KEYS, OCITAR_E_ARG);
    parents_refused("a/b", 0, OCITAR_E_ARG);
    parents_refused("a", 0, OCITAR_E_ARG);
    parents_refused("a/b/c", 1, OCITAR_E_LIMIT);
    parents_refused("1/2/3/4/5/6/7/8/9/10", KEYS, OCITAR_E_LIMIT);
    start_way(&f, OCITAR_WAIT_PATCH); /* without paths */
    CHECK_CODE(ocitar_layer_parents(&f.layer, "a/b", 0755), OCITAR_E_ARG);
    CHECK(strcmp(error_of(&f)->subject, "layer parents") == 0);
    spoilt(&f, OCITAR_E_ARG);
    memset(&dead, 0, sizeof dead);
    CHECK_CODE(ocitar_layer_parents(NULL, "a/b", 0755), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_parents(&dead, "a/b", 0755), OCITAR_E_STATE);
}

/* A full set still knows what is in it. */
static void test_parents_with_a_full_set(void)
{
    ocitar_key keys[KEYS];
    ocitar_entry e = OCITAR_ZERO;
    fixture f;

    start_paths(&f, keys, 2);
    CHECK_CODE(ocitar_layer_parents(&f.layer, "a/b/c", 0755), OCITAR_OK);
    CHECK_CODE(ocitar_layer_parents(&f.layer, "a/b/d", 0755), OCITAR_OK);
    CHECK_CODE(ocitar_layer_parents(&f.layer, "d", 0755), OCITAR_OK);
    parents_are(&f, "a/ a/b/ ", 0755);
    start_paths(&f, keys, KEYS); /* and an entry before is to be whole */
    e.name = "f";
    e.size = 3;
    CHECK_CODE(ocitar_layer_entry(&f.layer, &e), OCITAR_OK);
    CHECK_CODE(ocitar_layer_parents(&f.layer, "a/b", 0755), OCITAR_E_SIZE);
    size_is(&f, 3, 0);
    spoilt(&f, OCITAR_E_SIZE);
}

/* ---- states ---- */

static void test_layer_abandon(void)
{
    fixture f;
    uint8_t way;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++) {
        start_way(&f, way);
        CHECK_CODE(ocitar_layer_file(&f.layer, "f", 0644, content, 5000),
                   OCITAR_OK);
        CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
        CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_E_STATE);
        CHECK_CODE(ocitar_layer_file(&f.layer, "f", 0644, "x", 1),
                   OCITAR_E_STATE);
        CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_STATE);
        CHECK(f.index.count == 0 && f.spool.busy == 0);
        stop_whole(&f, 2 + 2 + 3);
    }
}

static void test_layer_ended(void)
{
    fixture f;
    uint64_t size;

    start(&f);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
    size = ocitar_archive_size(&f.archive);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_dir(&f.layer, "d", 0755), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_write(&f.layer, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_E_STATE);
    CHECK(ocitar_archive_size(&f.archive) == size && f.index.count == 1);
    stop_whole(&f, 2 + 1 + 2 + 3);
}

static void test_two_open_layers(void)
{
    ocitar_layer_desc d = OCITAR_ZERO;
    ocitar_descriptor ready;
    ocitar_layer second;
    ocitar_spool spool;
    static unsigned char room[4096];
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_spool_begin_buffer(&spool, room, sizeof room),
               OCITAR_OK);
    d.wait.way = OCITAR_WAIT_SPOOL;
    d.wait.spool = &spool;
    CHECK_CODE(ocitar_layer_begin(&second, &f.image, &d), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_dir(&second, "d", 0755), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_abandon(&second), OCITAR_OK);
    CHECK(spool.busy == 0);
    d.wait.way = OCITAR_WAIT_PATCH; /* its placeholder is taken back */
    CHECK_CODE(ocitar_layer_begin(&second, &f.image, &d), OCITAR_E_STATE);
    CHECK(ocitar_archive_size(&f.archive) == 1024);
    CHECK_CODE(ocitar_layer_abandon(&second), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_STATE);
    memset(&ready, 0, sizeof ready);
    ready.media_type = "application/x";
    ready.digest = ready.diff_id = f.layer.blob.digest;
    CHECK_CODE(ocitar_image_layer(&f.image, &ready), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
    CHECK_CODE(ocitar_layer_begin(&second, &f.image, &d), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&second), OCITAR_OK);
    stop_whole(&f, 2 + 2 + 2 + 3);
}

/* An image takes its open layer along, in every way and with every error. */
static void test_image_abandon_with_layer(void)
{
    fixture f;
    uint8_t way;
    int wrong;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++)
        for (wrong = 0; wrong < 2; wrong++) {
            start_way(&f, way);
            CHECK_CODE(ocitar_layer_file(&f.layer, wrong ? "/" : "f", 0644,
                                         content, 5000),
                       wrong ? OCITAR_E_NAME : OCITAR_OK);
            CHECK_CODE(ocitar_image_abandon(&f.image), OCITAR_OK);
            CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_STATE);
            CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_E_STATE);
            CHECK(ocitar_archive_size(&f.archive) == 1024);
            CHECK_CODE(image_begin(&f), OCITAR_OK);
            CHECK_CODE(layer_begin(&f, OCITAR_WAIT_SPOOL), OCITAR_OK);
            CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
            stop_whole(&f, 2 + 1 + 2 + 3);
        }
}

static void test_index_abandon_with_layer(void)
{
    fixture f;

    start_way(&f, OCITAR_WAIT_PATCH);
    CHECK_CODE(ocitar_layer_file(&f.layer, "f", 0644, content, 5000),
               OCITAR_OK);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_STATE);
    CHECK(ocitar_archive_size(&f.archive) == 1024);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    CHECK(f.out.len == 2048);
    stop(&f);
}

static void test_end_with_open_layer(void)
{
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_STATE);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
    stop_whole(&f, 2 + 1 + 2 + 3);
}

static void test_pool_full(void)
{
    fixture f;
    uint8_t way;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++) {
        start_with(&f, 1, 2, NULL);
        CHECK_CODE(layer_begin(&f, way), OCITAR_OK);
        CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
        CHECK_CODE(layer_begin(&f, way), OCITAR_E_LIMIT);
        CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_LIMIT);
        CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_LIMIT);
        CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
        stop_whole(&f, 2 + 1 + 2 + 3);
    }
}

static void test_begin_refused(void)
{
    ocitar_layer_desc d = OCITAR_ZERO;
    fixture f;

    start_with(&f, PUT_ONLY, POOL, NULL);
    d.algorithm = 8;
    d.wait.spool = &f.spool;
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d),
               OCITAR_E_UNSUPPORTED);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_UNSUPPORTED);
    CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
    d.algorithm = 0;
    d.wait.way = OCITAR_WAIT_PATCH;
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d),
               OCITAR_E_UNSUPPORTED);
    CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
    d.wait.way = OCITAR_WAIT_SPOOL;
    d.wait.spool = NULL;
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
    d.wait.way = OCITAR_WAIT_REHEARSE;
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
    stop_whole(&f, 2 + 2 + 3);
}

static void test_spool_full(void)
{
    static unsigned char room[600];
    fixture f;

    start_with(&f, 1, POOL, NULL);
    CHECK_CODE(ocitar_spool_begin_buffer(&f.spool, room, sizeof room),
               OCITAR_OK);
    CHECK_CODE(layer_begin(&f, OCITAR_WAIT_SPOOL), OCITAR_OK);
    CHECK_CODE(ocitar_layer_file(&f.layer, "f", 0644, content, 100),
               OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
    CHECK_CODE(layer_begin(&f, OCITAR_WAIT_SPOOL), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_LIMIT); /* 1024 bytes */
    CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
    stop_whole(&f, 2 + 2 + 3);
}

/* A blob owns the tail; the end of the layer may be tried again. */
static void test_busy(void)
{
    ocitar_blob owner;
    fixture f;
    bytes tar;

    start(&f);
    CHECK_CODE(ocitar_layer_file(&f.layer, "f", 0644, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&owner, &f.layout, 0, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_close(&owner), OCITAR_OK);
    tar = layer_bytes(&f);
    CHECK(tar.len == 1024 + 1024 && tar_count(tar) == 1);
    stop(&f);
    start_way(&f, OCITAR_WAIT_PATCH); /* now the layer owns it */
    CHECK_CODE(ocitar_blob_put(&f.layout, 0, "x", 1, NULL), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_begin(&owner, &f.layout, 0, NULL), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_close(&owner), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
    stop_whole(&f, 2 + 1 + 2 + 3);
}

static void test_sink_fails(void)
{
    fixture f;

    start_way(&f, OCITAR_WAIT_PATCH);
    f.out.fail_at = f.out.calls + 3;
    f.out.code = 28;
    CHECK_CODE(ocitar_layer_file(&f.layer, "f", 0644, content, 5000),
               OCITAR_E_SINK);
    CHECK(error_of(&f)->user_code == 28);
    CHECK_CODE(ocitar_layer_write(&f.layer, "x", 1), OCITAR_E_SINK);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_SINK);
    CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_E_SINK);
    CHECK_CODE(ocitar_image_abandon(&f.image), OCITAR_E_SINK);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_E_SINK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_SINK);
    CHECK(error_of(&f)->user_code == 28);
    stop(&f);
}

static void test_rehearsed_layer(void)
{
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_rehearsal r = OCITAR_ZERO;
    ocitar_rehearsed table[1];
    fixture f;
    int run;

    r.table = table;
    r.capacity = 1;
    l.rehearsal = &r;
    for (run = 0; run < 2; run++) {
        start_with(&f, run == 0, POOL, &l);
        CHECK_CODE(layer_begin(&f, OCITAR_WAIT_AUTO), OCITAR_OK);
        CHECK_CODE(ocitar_layer_file(&f.layer, "f", 0644, content, 5000),
                   OCITAR_OK);
        CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
        CHECK(r.count == 1 && table[0].size == 512 + 5120 + 1024);
        ocitar_rehearsal_play(&r);
        stop_whole(&f, 2 + 1 + 2 + 3);
    }
    ocitar_rehearsal_play(&r);
    start_with(&f, PUT_ONLY, POOL, &l);
    CHECK_CODE(layer_begin(&f, OCITAR_WAIT_AUTO), OCITAR_OK);
    CHECK_CODE(ocitar_layer_file(&f.layer, "f", 0644, content + 1, 5000),
               OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_CHANGED);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_CHANGED);
    stop(&f);
}

static void test_zero_objects(void)
{
    ocitar_entry e = OCITAR_ZERO;
    ocitar_image image;
    ocitar_layer layer;

    memset(&image, 0, sizeof image);
    memset(&layer, 0, sizeof layer);
    e.name = "f";
    CHECK_CODE(ocitar_layer_begin(&layer, &image, NULL), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_begin(NULL, &image, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_begin(&layer, NULL, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_entry(&layer, &e), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_write(&layer, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_file(&layer, "f", 0644, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_dir(&layer, "f", 0755), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_symlink(&layer, "f", "t"), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_link(&layer, "f", "t"), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_end(&layer), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_abandon(&layer), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_entry(NULL, &e), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_write(NULL, "x", 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_file(NULL, "f", 0644, "x", 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_dir(NULL, "f", 0755), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_symlink(NULL, "f", "t"), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_link(NULL, "f", "t"), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_end(NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_abandon(NULL), OCITAR_E_ARG);
}

int main(void)
{
    content_fill();
    test_entries();
    test_entry_of_any_type();
    test_entry_with_records();
    test_sizes();
    test_empty_layer();
    test_digests();
    test_description();
    test_no_description();
    test_two_layers();
    test_layer_recognised();
    test_known_layer();
    test_raw();
    test_body_too_short();
    test_body_too_long();
    test_body_of_none();
    test_body_of_null();
    test_names_refused();
    test_entries_refused();
    test_copy_sizes();
    test_copy_too_short();
    test_copy_too_long();
    test_copy_source_fails();
    test_copy_source_lies();
    test_copy_of_no_body();
    test_copy_arguments();
    test_items();
    test_items_stop();
    test_items_arguments();
    test_parents();
    test_parents_that_exist();
    test_parents_refused();
    test_parents_with_a_full_set();
    test_layer_abandon();
    test_layer_ended();
    test_two_open_layers();
    test_image_abandon_with_layer();
    test_index_abandon_with_layer();
    test_end_with_open_layer();
    test_pool_full();
    test_begin_refused();
    test_spool_full();
    test_busy();
    test_sink_fails();
    test_rehearsed_layer();
    test_zero_objects();
    return check_done();
}
