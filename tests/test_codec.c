/* test_codec - what a layer checks of its paths, what it hides of the layers
   below, and the codecs that stand between a layer and its blob. */

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

static unsigned char content[5000];

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

static void start_archive(fixture *f, int patchable)
{
    ocitar_archive_desc a = OCITAR_ZERO;
    ocitar_spool_desc s = OCITAR_ZERO;

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
    CHECK_CODE(ocitar_spool_begin(&f->spool, &s), OCITAR_OK);
    CHECK_CODE(ocitar_archive_begin(&f->archive, &a), OCITAR_OK);
}

/* The pool of a second run keeps what the first one found. */
static void start_run(fixture *f, int patchable,
                      const ocitar_layout_desc *layout, size_t capacity,
                      ocitar_descriptor *pool, int metadata_first)
{
    ocitar_index_desc d = OCITAR_ZERO;

    memset(f, 0, sizeof *f);
    start_archive(f, patchable);
    d.descriptors = pool != NULL ? pool : f->pool;
    d.capacity = capacity;
    d.metadata_first = (uint8_t)metadata_first;
    CHECK_CODE(ocitar_layout_begin(&f->layout, &f->archive, layout),
               OCITAR_OK);
    CHECK_CODE(ocitar_index_begin(&f->index, &f->layout, &d), OCITAR_OK);
    CHECK_CODE(image_begin(f), OCITAR_OK);
}

static void start_with(fixture *f, int patchable)
{
    start_run(f, patchable, NULL, POOL, NULL, 0);
}

static void layer_desc(fixture *f, ocitar_layer_desc *d, uint8_t way,
                       const ocitar_codec *codec)
{
    memset(d, 0, sizeof *d);
    d->wait.way = way;
    d->wait.spool = &f->spool;
    d->codec = codec;
}

static int layer_begin(fixture *f, uint8_t way, const ocitar_codec *codec)
{
    ocitar_layer_desc d;

    layer_desc(f, &d, way, codec);
    return ocitar_layer_begin(&f->layer, &f->image, &d);
}

static void start_way(fixture *f, uint8_t way)
{
    start_with(f, PATCHABLE);
    CHECK_CODE(layer_begin(f, way, NULL), OCITAR_OK);
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

/* Ends all; the archive must then hold so many entries. */
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

/* Is `text` in the n-th blob? */
static int blob_says(const fixture *f, int n, const char *text)
{
    bytes b = blob_at(f, n);
    size_t len = strlen(text), i;

    for (i = 0; i + len <= b.len; i++)
        if (memcmp(b.data + i, text, len) == 0)
            return 1;
    return 0;
}

static int is_digest_of(const ocitar_digest *d, uint8_t algorithm,
                        const void *data, size_t len)
{
    ocitar_digest want;

    CHECK_CODE(ocitar_digest_of(&want, algorithm, data, len), OCITAR_OK);
    return ocitar_digest_equal(d, &want);
}

/* The layer is spoilt with `code`: it sticks, goes up, and is forgiven. The
   archive is whole after that, with a layer that is right. */
static void spoilt(fixture *f, int code)
{
    CHECK(ocitar_archive_size(&f->archive) == 1024); /* the tail is free */
    CHECK_CODE(ocitar_layer_file(&f->layer, "late", 0644, "x", 1), code);
    CHECK_CODE(ocitar_layer_write(&f->layer, "x", 1), code);
    CHECK_CODE(ocitar_layer_whiteout(&f->layer, "late"), code);
    CHECK_CODE(ocitar_layer_whiteout(&f->layer, ""), code);
    CHECK_CODE(ocitar_layer_opaque(&f->layer, "late"), code);
    CHECK_CODE(ocitar_layer_end(&f->layer), code);
    CHECK_CODE(ocitar_image_end(&f->image), code);
    CHECK_CODE(ocitar_index_end(&f->index), code);
    CHECK_CODE(ocitar_archive_finish(&f->archive), code);
    CHECK(error_of(f)->code == code);
    CHECK_CODE(ocitar_layer_abandon(&f->layer), OCITAR_OK);
    CHECK(error_of(f)->code == OCITAR_OK);
    CHECK_CODE(ocitar_layer_abandon(&f->layer), OCITAR_E_STATE);
    CHECK(f->spool.busy == 0 && f->index.count == 0);
    CHECK(ocitar_archive_size(&f->archive) == 1024);
    CHECK_CODE(layer_begin(f, OCITAR_WAIT_SPOOL, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&f->layer), OCITAR_OK);
    stop_whole(f, 2 + 1 + 2 + 3);
}

/* ---- whiteouts ---- */

static int hide(fixture *f, int opaque, const char *name)
{
    return opaque ? ocitar_layer_opaque(&f->layer, name)
                  : ocitar_layer_whiteout(&f->layer, name);
}

/* The layer has one entry more, an empty file of mode 0 with that name. */
static void hides(int opaque, const char *name, const char *want)
{
    fixture f;
    bytes tar;
    size_t at = 0;
    item it;

    start(&f);
    CHECK_CODE(hide(&f, opaque, name), OCITAR_OK);
    CHECK_CODE(ocitar_layer_file(&f.layer, "z", 0644, "x", 1), OCITAR_OK);
    tar = layer_bytes(&f);
    CHECK(tar.len == 512 + 1024 + 1024 && tar_count(tar) == 2);
    CHECK(tar_next(tar, &at, &it) && strcmp(it.name, want) == 0);
    CHECK(it.type == '0' && it.mode == 0 && it.size == 0);
    CHECK(memcmp(it.head + 100, "0000000\0" "0000000\0" "0000000\0"
                 "00000000000\0" "00000000000\0", 48) == 0);
    CHECK(all_zero(it.head + 157, 100) && all_zero(it.head + 265, 64));
    stop(&f);
}

static void refuses(int opaque, const char *name, int code)
{
    fixture f;
    uint8_t way;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++) {
        start_way(&f, way);
        CHECK_CODE(hide(&f, opaque, name), code);
        spoilt(&f, code);
    }
}

static void test_whiteout(void)
{
    hides(0, "a", ".wh.a");
    hides(0, "dir/a", "dir/.wh.a");
    hides(0, "dir/a/", "dir/.wh.a");
    hides(0, "dir/a//", "dir/.wh.a");
    hides(0, "./a", "./.wh.a");
    hides(0, "x/y/z", "x/y/.wh.z");
    hides(0, ".w", ".wh..w");
    hides(0, ".wh", ".wh..wh");
    hides(0, "a.wh.b", ".wh.a.wh.b");
    hides(0, "..a", ".wh...a");
}

static void test_opaque(void)
{
    hides(1, "", ".wh..wh..opq");
    hides(1, NULL, ".wh..wh..opq");
    hides(1, "dir", "dir/.wh..wh..opq");
    hides(1, "dir/", "dir/.wh..wh..opq");
    hides(1, "dir/sub//", "dir/sub/.wh..wh..opq");
}

static void test_whiteout_refused(void)
{
    refuses(0, "", OCITAR_E_WHITEOUT);
    refuses(0, NULL, OCITAR_E_WHITEOUT);
    refuses(0, "/", OCITAR_E_WHITEOUT);
    refuses(0, ".wh.a", OCITAR_E_WHITEOUT);
    refuses(0, "dir/.wh.a/", OCITAR_E_WHITEOUT);
    refuses(0, ".wh.", OCITAR_E_WHITEOUT);
    refuses(0, ".wh..wh..opq", OCITAR_E_WHITEOUT);
    refuses(0, "/a", OCITAR_E_NAME);
    refuses(0, "../a", OCITAR_E_NAME);
    refuses(0, "x/../a", OCITAR_E_NAME);
    refuses(0, "x/../../a", OCITAR_E_NAME);
    refuses(1, "/dir", OCITAR_E_NAME);
    refuses(1, "..", OCITAR_E_NAME);
    refuses(1, "x/../", OCITAR_E_NAME);
}

/* A reader joins the directory and what follows ".wh.": of "x/..", so, it
   would remove what is above x. */
static void test_whiteout_of_dots(void)
{
    static const char *const names[] = { ".",    "./",     "..",  "../",
                                         "x/..", "x/../", "x/y/.." };
    fixture f;
    size_t i;
    int code;

    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        code = i < 2 ? OCITAR_E_WHITEOUT : OCITAR_E_NAME;
        start(&f);
        CHECK_CODE(ocitar_layer_whiteout(&f.layer, names[i]), code);
        spoilt(&f, code);
    }
    hides(0, "x/.", ".wh.x"); /* and not "x/.wh.." */
    hides(0, "d/x/././/", "d/.wh.x");
}

/* A name of `len` bytes in parts of 50, the last one of what remains. */
static void long_name(char *out, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++)
        out[i] = i % 50 == 49 && i + 1 < len ? '/' : 'n';
    out[len] = 0;
}

/* The path of the first entry is in its pax record. */
static void hides_long(int opaque, size_t len, size_t path_len)
{
    char name[600], record[32];
    fixture f;
    bytes tar;
    item it;
    size_t at = 0;

    long_name(name, len);
    start(&f);
    CHECK_CODE(hide(&f, opaque, name), OCITAR_OK);
    tar = layer_bytes(&f);
    CHECK(tar_next(tar, &at, &it) && it.type == 'x');
    snprintf(record, sizeof record, "%u path=nnn",
             (unsigned)(path_len + 3 + 7));
    CHECK(memcmp(it.body, record, strlen(record)) == 0);
    CHECK(it.size == path_len + 3 + 7 && it.body[it.size - 1] == '\n');
    CHECK(tar_next(tar, &at, &it) && it.type == '0' && it.size == 0);
    CHECK(tar_count(tar) == 2);
    stop(&f);
}

static void test_whiteout_length(void)
{
    char name[600];
    size_t i;

    hides_long(0, 499, 503);
    hides_long(0, 500, 504);
    hides_long(1, 499, 499 + 13);
    hides_long(1, 500, 500 + 13);
    long_name(name, 501);
    refuses(0, name, OCITAR_E_LIMIT);
    refuses(1, name, OCITAR_E_LIMIT);
    memset(name, 'n', 599); /* one part only, then one directory only */
    name[599] = 0;
    refuses(0, name, OCITAR_E_LIMIT);
    name[598] = '/';
    for (i = 0; i < 2; i++)
        refuses((int)i, name, OCITAR_E_LIMIT);
    name[501] = '/';
    refuses(0, name, OCITAR_E_LIMIT);
}

/* Anything else with such a name would hide something by accident. */
static void test_names_of_whiteouts(void)
{
    static const char *const names[] = { ".wh.", ".wh.a", "dir/.wh.a",
                                         ".wh.a/", "dir//.wh.a//",
                                         ".wh..wh..opq" };
    ocitar_entry e = OCITAR_ZERO;
    fixture f;
    size_t i;

    for (i = 0; i < 4 * sizeof names / sizeof names[0]; i++) {
        e.name = names[i / 4];
        e.mode = 0644;
        start(&f);
        CHECK_CODE(i % 4 == 0 ? ocitar_layer_entry(&f.layer, &e)
                   : i % 4 == 1
                       ? ocitar_layer_file(&f.layer, e.name, 0644, NULL, 0)
                   : i % 4 == 2 ? ocitar_layer_dir(&f.layer, e.name, 0755)
                                : ocitar_layer_symlink(&f.layer, e.name, "t"),
                   OCITAR_E_WHITEOUT);
        spoilt(&f, OCITAR_E_WHITEOUT);
    }
    e.name = ".wh.a.not-this";
    e.name_len = 5;
    start(&f);
    CHECK_CODE(ocitar_layer_entry(&f.layer, &e), OCITAR_E_WHITEOUT);
    spoilt(&f, OCITAR_E_WHITEOUT);
    start_way(&f, OCITAR_WAIT_PATCH);
    CHECK_CODE(ocitar_layer_link(&f.layer, ".wh.a", "t"), OCITAR_E_WHITEOUT);
    spoilt(&f, OCITAR_E_WHITEOUT);
}

/* Readers clean a path before they look at its last part. */
static void test_names_of_whiteouts_uncleaned(void)
{
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_layer_dir(&f.layer, "dir/.wh.a/.", 0755),
               OCITAR_E_WHITEOUT);
    stop(&f);
    start(&f);
    CHECK_CODE(ocitar_layer_dir(&f.layer, ".wh.a/./", 0755),
               OCITAR_E_WHITEOUT);
    stop(&f);
}

static void test_names_that_are_none(void)
{
    ocitar_entry e = OCITAR_ZERO;
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_layer_file(&f.layer, ".wh", 0644, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_layer_file(&f.layer, "a.wh.b", 0644, "x", 1),
               OCITAR_OK);
    CHECK_CODE(ocitar_layer_dir(&f.layer, ".wha", 0755), OCITAR_OK);
    CHECK_CODE(ocitar_layer_dir(&f.layer, "wh.", 0755), OCITAR_OK);
    CHECK_CODE(ocitar_layer_symlink(&f.layer, "a.wh.", ".wh.t"), OCITAR_OK);
    CHECK_CODE(ocitar_layer_file(&f.layer, ".WH.a", 0644, NULL, 0),
               OCITAR_OK);
    e.name = ".wh.a";
    e.name_len = 3;
    CHECK_CODE(ocitar_layer_entry(&f.layer, &e), OCITAR_OK);
    CHECK(tar_count(layer_bytes(&f)) == 7);
    stop(&f);
}

/* A whiteout comes after a body that is complete, or not at all. */
static void test_whiteout_in_a_body(void)
{
    ocitar_entry e = OCITAR_ZERO;
    fixture f;
    int opaque;

    e.name = "f";
    e.size = 10;
    for (opaque = 0; opaque < 2; opaque++) {
        start(&f);
        CHECK_CODE(ocitar_layer_entry(&f.layer, &e), OCITAR_OK);
        CHECK_CODE(ocitar_layer_write(&f.layer, content, 9), OCITAR_OK);
        CHECK_CODE(hide(&f, opaque, "a"), OCITAR_E_SIZE);
        CHECK(error_of(&f)->expected_size == 10);
        CHECK(error_of(&f)->actual_size == 9);
        spoilt(&f, OCITAR_E_SIZE);
        start(&f);
        CHECK_CODE(hide(&f, opaque, "a"), OCITAR_OK);
        CHECK_CODE(ocitar_layer_write(&f.layer, "x", 1), OCITAR_E_SIZE);
        spoilt(&f, OCITAR_E_SIZE);
    }
}

static void test_zero_objects(void)
{
    ocitar_layer layer;

    memset(&layer, 0, sizeof layer);
    CHECK_CODE(ocitar_layer_whiteout(NULL, "a"), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_whiteout(NULL, ""), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_opaque(NULL, "a"), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layer_whiteout(&layer, "a"), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_whiteout(&layer, ""), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_whiteout(&layer, NULL), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_opaque(&layer, NULL), OCITAR_E_STATE);
}

/* ---- paths ---- */

enum { PATHS = 8 };

/* A layer with a set of paths that is full of rubbish before its begin. */
static void start_paths(fixture *f, ocitar_key *paths, uint32_t count)
{
    ocitar_layer_desc d;

    start_with(f, PATCHABLE);
    layer_desc(f, &d, OCITAR_WAIT_PATCH, NULL);
    memset(paths, 0xa5, count * sizeof *paths);
    d.paths = paths;
    d.path_count = count;
    CHECK_CODE(ocitar_layer_begin(&f->layer, &f->image, &d), OCITAR_OK);
}

static int put_file(fixture *f, const char *name)
{
    return ocitar_layer_file(&f->layer, name, 0644, "x", 1);
}

static void test_paths_duplicate(void)
{
    static const char *const pairs[][2] = {
        { "a", "a" },      { "a", "./a" },      { "a", "a/" },
        { "x//a", "x/a" }, { "x/./a", "x/a" },  { "a//", "././a" },
        { "./a", "a" },    { "x/a/.", "x/a" },  { ".", "./" },
        { "a/", "a" },     { ".//x/a", "x/a/" }
    };
    ocitar_key paths[PATHS];
    fixture f;
    size_t i;

    for (i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        start_paths(&f, paths, PATHS);
        CHECK_CODE(ocitar_layer_dir(&f.layer, pairs[i][0], 0755), OCITAR_OK);
        CHECK_CODE(ocitar_layer_dir(&f.layer, pairs[i][1], 0755),
                   OCITAR_E_DUPLICATE);
        spoilt(&f, OCITAR_E_DUPLICATE);
        start(&f); /* without a set */
        CHECK_CODE(ocitar_layer_dir(&f.layer, pairs[i][0], 0755), OCITAR_OK);
        CHECK_CODE(ocitar_layer_dir(&f.layer, pairs[i][1], 0755), OCITAR_OK);
        CHECK(tar_count(layer_bytes(&f)) == 2);
        stop(&f);
    }
}

/* Of any type, and the name is as long as its length says. */
static void test_paths_types(void)
{
    ocitar_entry e = OCITAR_ZERO;
    ocitar_key paths[PATHS];
    fixture f;
    int i;

    for (i = 0; i < 3; i++) {
        start_paths(&f, paths, PATHS);
        CHECK_CODE(put_file(&f, "t"), OCITAR_OK);
        CHECK_CODE(ocitar_layer_symlink(&f.layer, "a", "nowhere"), OCITAR_OK);
        e.name = "abc";
        e.name_len = 1;
        CHECK_CODE(i == 0   ? ocitar_layer_entry(&f.layer, &e)
                   : i == 1 ? ocitar_layer_link(&f.layer, "a", "t")
                            : ocitar_layer_symlink(&f.layer, "a", "t"),
                   OCITAR_E_DUPLICATE);
        spoilt(&f, OCITAR_E_DUPLICATE);
    }
}

static void test_paths_different(void)
{
    static const char *const names[] = { "a",    "b",   "ab", "x/a",
                                         "xa",   "a/a", "A",  "a/b",
                                         ".../a", "a ", "a/a/a", ".a" };
    enum { N = sizeof names / sizeof names[0] };
    ocitar_key paths[N];
    fixture f;
    size_t i;

    start_paths(&f, paths, N);
    for (i = 0; i < N; i++)
        CHECK_CODE(put_file(&f, names[i]), OCITAR_OK);
    CHECK(tar_count(layer_bytes(&f)) == N);
    stop(&f);
}

static void test_paths_links(void)
{
    ocitar_entry e = OCITAR_ZERO;
    ocitar_key paths[PATHS];
    fixture f;

    start_paths(&f, paths, PATHS);
    CHECK_CODE(put_file(&f, "x/a"), OCITAR_OK);
    CHECK_CODE(ocitar_layer_link(&f.layer, "b", "x/a"), OCITAR_OK);
    CHECK_CODE(ocitar_layer_link(&f.layer, "c", "./x//a"), OCITAR_OK);
    CHECK_CODE(ocitar_layer_link(&f.layer, "x/d", "b"), OCITAR_OK);
    e.name = "e";
    e.typeflag = '1';
    e.linkname = "bcd";
    e.linkname_len = 1;
    CHECK_CODE(ocitar_layer_entry(&f.layer, &e), OCITAR_OK);
    CHECK(tar_count(layer_bytes(&f)) == 5);
    stop(&f);
}

static void test_paths_links_refused(void)
{
    static const char *const links[][2] = {
        { "b", "none" }, { "b", "b" }, { "b", "later" }, { "b", "x" },
        { "b", "a/x" },  { "./b", "b" }, { "x/a", "none" }
    };
    ocitar_key paths[PATHS];
    fixture f;
    size_t i;

    for (i = 0; i < sizeof links / sizeof links[0]; i++) {
        start_paths(&f, paths, PATHS);
        CHECK_CODE(put_file(&f, "x/a"), OCITAR_OK);
        CHECK_CODE(ocitar_layer_link(&f.layer, links[i][0], links[i][1]),
                   OCITAR_E_LINK);
        CHECK_CODE(put_file(&f, "later"), OCITAR_E_LINK);
        spoilt(&f, OCITAR_E_LINK);
        start(&f); /* without a set */
        CHECK_CODE(ocitar_layer_link(&f.layer, links[i][0], links[i][1]),
                   OCITAR_OK);
        CHECK(tar_count(layer_bytes(&f)) == 1);
        stop(&f);
    }
}

static void test_paths_full(void)
{
    ocitar_key paths[PATHS];
    fixture f;
    int i;

    for (i = 0; i < 4; i++) {
        start_paths(&f, paths, 2);
        CHECK_CODE(put_file(&f, "a"), OCITAR_OK);
        CHECK_CODE(put_file(&f, "b"), OCITAR_OK);
        CHECK_CODE(i == 0   ? put_file(&f, "c")
                   : i == 1 ? put_file(&f, "b")
                   : i == 2 ? ocitar_layer_link(&f.layer, "c", "none")
                            : ocitar_layer_link(&f.layer, "c", "a"),
                   i == 0   ? OCITAR_E_LIMIT
                   : i == 1 ? OCITAR_E_DUPLICATE
                   : i == 2 ? OCITAR_E_LINK
                            : OCITAR_E_LIMIT);
        spoilt(&f, i == 1   ? OCITAR_E_DUPLICATE
                   : i == 2 ? OCITAR_E_LINK
                            : OCITAR_E_LIMIT);
    }
}

/* A set may be lent to one layer after another. */
static void test_paths_zeroed(void)
{
    ocitar_key paths[1];
    ocitar_layer_desc d;
    fixture f;
    int i;

    start_paths(&f, paths, 1);
    CHECK_CODE(put_file(&f, "a"), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
    layer_desc(&f, &d, OCITAR_WAIT_SPOOL, NULL);
    d.paths = paths;
    d.path_count = 1;
    for (i = 0; i < 2; i++) {
        CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_OK);
        CHECK_CODE(put_file(&f, "a"), OCITAR_OK);
        CHECK_CODE(i == 0 ? ocitar_layer_abandon(&f.layer)
                          : ocitar_layer_end(&f.layer), OCITAR_OK);
    }
    stop_whole(&f, 2 + 2 + 2 + 3);
}

static void test_paths_whiteouts(void)
{
    ocitar_key paths[PATHS];
    fixture f;
    int opaque;

    for (opaque = 0; opaque < 2; opaque++) {
        start_paths(&f, paths, PATHS);
        CHECK_CODE(hide(&f, opaque, "x/a"), OCITAR_OK);
        CHECK_CODE(put_file(&f, "x/a"), OCITAR_OK); /* another path */
        CHECK_CODE(hide(&f, opaque, "./x//a/"), OCITAR_E_DUPLICATE);
        spoilt(&f, OCITAR_E_DUPLICATE);
        start_paths(&f, paths, 1);
        CHECK_CODE(hide(&f, opaque, "a"), OCITAR_OK);
        CHECK_CODE(put_file(&f, "a"), OCITAR_E_LIMIT);
        spoilt(&f, OCITAR_E_LIMIT);
        start_paths(&f, paths, 1);
        CHECK_CODE(put_file(&f, "a"), OCITAR_OK);
        CHECK_CODE(hide(&f, opaque, "a"), OCITAR_E_LIMIT);
        spoilt(&f, OCITAR_E_LIMIT);
    }
}

/* ---- a codec that writes "HEAD", every byte twice, and "TAIL" ---- */

enum { HELD = 48, OWN_CODE = 42 };

typedef struct fake {
    ocitar_codec codec;
    int begins, writes, ends, given_up;
    int fail_begin, fail_end;
    int fail_write;  /* the number of the write that fails, from 1 */
    int deaf;        /* 1: what put_fn returns becomes OWN_CODE, 2: becomes 0 */
    int headed;
    unsigned char held[HELD], last[4];
    size_t held_len, at;
} fake;

typedef int (*put_fn)(void *put_user, const void *data, size_t len);

static int fake_flush(fake *k, put_fn put, void *put_user)
{
    size_t len = k->held_len;
    int e = put(put_user, k->held, len);

    k->held_len = 0;
    if (e == 0)
        e = put(put_user, k->held, 0); /* nothing, and no harm */
    return e == 0 || k->deaf == 0 ? e : k->deaf == 1 ? (int)OWN_CODE : 0;
}

static int fake_out(fake *k, const void *data, size_t len, put_fn put,
                    void *put_user)
{
    int e = k->held_len + len > HELD ? fake_flush(k, put, put_user) : 0;

    memcpy(k->held + k->held_len, data, len);
    k->held_len += len;
    return e;
}

static int fake_begin(void *user)
{
    fake *k = (fake *)user;

    k->begins++;
    k->headed = 0;
    k->held_len = k->at = 0;
    return k->fail_begin ? OWN_CODE : 0;
}

static int twice_write(void *user, const void *data, size_t len, put_fn put,
                       void *put_user)
{
    const unsigned char *p = (const unsigned char *)data;
    fake *k = (fake *)user;
    unsigned char two[2];
    int e = 0;

    CHECK(len > 0 && k->begins == k->ends + k->given_up + 1);
    if (++k->writes == k->fail_write)
        return OWN_CODE;
    if (!k->headed)
        e = put(put_user, "HEAD", 4);
    k->headed = 1;
    for (; e == 0 && len > 0; len--) {
        two[0] = two[1] = *p++;
        e = fake_out(k, two, 2, put, put_user);
    }
    return e;
}

static int fake_over(fake *k, put_fn put)
{
    CHECK(k->begins == k->ends + k->given_up + 1);
    if (put == NULL)
        k->given_up++;
    else
        k->ends++;
    return put != NULL && k->fail_end ? OWN_CODE : 0;
}

static int twice_end(void *user, put_fn put, void *put_user)
{
    fake *k = (fake *)user;
    int e = fake_over(k, put);

    if (put == NULL || e != 0)
        return put == NULL ? 77 : e; /* a code that nobody asks for */
    if (!k->headed)
        e = put(put_user, "HEAD", 4);
    if (e == 0)
        e = fake_out(k, "TAIL", 4, put, put_user);
    return e == 0 ? fake_flush(k, put, put_user) : e;
}

/* The inverse, for an even number of bytes: the last four are kept back, and
   of those between head and tail every second one goes out. */
static int half_write(void *user, const void *data, size_t len, put_fn put,
                      void *put_user)
{
    const unsigned char *p = (const unsigned char *)data;
    fake *k = (fake *)user;
    int e = 0;

    CHECK(len > 0 && k->begins == k->ends + k->given_up + 1);
    if (++k->writes == k->fail_write)
        return OWN_CODE;
    for (; e == 0 && len > 0; len--, k->at++) {
        if (k->at >= 8 && k->at % 2 == 0)
            e = fake_out(k, &k->last[k->at % 4], 1, put, put_user);
        k->last[k->at % 4] = *p++;
    }
    return e;
}

static int half_end(void *user, put_fn put, void *put_user)
{
    fake *k = (fake *)user;
    int e = fake_over(k, put);

    if (put == NULL || e != 0)
        return e;
    return memcmp(k->last, "TAIL", 4) == 0 ? fake_flush(k, put, put_user) : 79;
}

static void twice_begin(fake *k)
{
    memset(k, 0, sizeof *k);
    k->codec.media_type = "application/x.twice";
    k->codec.begin_fn = fake_begin;
    k->codec.write_fn = twice_write;
    k->codec.end_fn = twice_end;
    k->codec.user = k;
}

static void half_begin(fake *k)
{
    twice_begin(k);
    k->codec.write_fn = half_write;
    k->codec.end_fn = half_end;
}

/* ---- the layer that goes through codecs ---- */

typedef struct expected {
    unsigned char tar[16384], blob[32768 + 8];
    size_t tar_len, blob_len;
} expected;

static expected want; /* filled once */

static int fill(fixture *f)
{
    int e = ocitar_layer_dir(&f->layer, "d", 0755);

    if (e == OCITAR_OK)
        e = ocitar_layer_file(&f->layer, "d/f", 0644, content, 5000);
    if (e == OCITAR_OK)
        e = ocitar_layer_link(&f->layer, "d/h", "d/f");
    if (e == OCITAR_OK)
        e = ocitar_layer_whiteout(&f->layer, "d/gone");
    return e == OCITAR_OK ? ocitar_layer_end(&f->layer) : e;
}

static void want_fill(void)
{
    fixture f;
    bytes tar;
    size_t i;

    start(&f);
    CHECK_CODE(fill(&f), OCITAR_OK);
    CHECK_CODE(finish_all(&f), OCITAR_OK);
    tar = blob_at(&f, 0);
    CHECK(tar_count(tar) == 4 && tar.len <= sizeof want.tar);
    memcpy(want.tar, tar.data, tar.len);
    want.tar_len = tar.len;
    memcpy(want.blob, "HEAD", 4);
    for (i = 0; i < tar.len; i++)
        want.blob[4 + 2 * i] = want.blob[5 + 2 * i] = tar.data[i];
    memcpy(want.blob + 4 + 2 * tar.len, "TAIL", 4);
    want.blob_len = 2 * tar.len + 8;
    stop(&f);
}

static int is_want(bytes b, const unsigned char *data, size_t len)
{
    return b.len == len && b.data != NULL && memcmp(b.data, data, len) == 0;
}

/* The finished archive's first layer is `want`, coded, with that media type;
   its blob is the n-th, its config the next. */
static void coded_is(const fixture *f, const ocitar_descriptor *d, int n,
                     int config, const char *media_type)
{
    char text[OCITAR_DIGEST_TEXT_MAX], line[300];
    ocitar_digest diff;

    CHECK(is_want(blob_at(f, n), want.blob, want.blob_len));
    CHECK(d->size == want.blob_len);
    CHECK(is_digest_of(&d->digest, OCITAR_SHA256, want.blob, want.blob_len));
    CHECK(is_digest_of(&d->diff_id, OCITAR_SHA256, want.tar, want.tar_len));
    CHECK(strcmp(d->media_type, media_type) == 0);
    CHECK_CODE(ocitar_digest_of(&diff, OCITAR_SHA256, want.tar, want.tar_len),
               OCITAR_OK);
    ocitar_digest_format(&diff, text);
    snprintf(line, sizeof line, "\"diff_ids\":[\"%s\"]", text);
    CHECK(blob_says(f, config, line));
    ocitar_digest_format(&d->digest, text);
    snprintf(line, sizeof line,
             "\"layers\":[{\"digest\":\"%s\",\"mediaType\":\"%s\","
             "\"size\":%u}]", text, media_type, (unsigned)want.blob_len);
    CHECK(blob_says(f, config + 1, line));
}

static void once_ended(const fake *k)
{
    CHECK(k->begins == 1 && k->ends == 1 && k->given_up == 0);
}

static void once_given_up(const fake *k)
{
    CHECK(k->begins == 1 && k->ends == 0 && k->given_up == 1);
}

static void test_codec_ways(void)
{
    fixture f;
    fake k;
    uint8_t way;

    for (way = OCITAR_WAIT_AUTO; way <= OCITAR_WAIT_PATCH; way++) {
        twice_begin(&k);
        start_with(&f, PATCHABLE);
        CHECK_CODE(layer_begin(&f, way, &k.codec), OCITAR_OK);
        CHECK(k.begins == 1 && k.writes == 0);
        CHECK_CODE(fill(&f), OCITAR_OK);
        once_ended(&k);
        CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_STATE);
        CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_E_STATE);
        CHECK_CODE(finish_all(&f), OCITAR_OK);
        once_ended(&k);
        coded_is(&f, &f.pool[0], 0, 1, "application/x.twice");
        stop(&f);
    }
}

static void test_codec_description(void)
{
    ocitar_layer_desc d;
    ocitar_layout_desc l = OCITAR_ZERO;
    fixture f;
    fake k;

    twice_begin(&k);
    start_with(&f, PATCHABLE);
    layer_desc(&f, &d, OCITAR_WAIT_SPOOL, &k.codec);
    d.media_type = "application/x.given";
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_OK);
    CHECK_CODE(fill(&f), OCITAR_OK);
    CHECK_CODE(finish_all(&f), OCITAR_OK);
    coded_is(&f, &f.pool[0], 0, 1, "application/x.given");
    stop(&f);
    l.algorithms = OCITAR_SHA512;
    start_run(&f, PATCHABLE, &l, POOL, NULL, 0);
    d.algorithm = OCITAR_SHA512; /* of the blob; the diffID is what it is */
    memset(&d.diff_id, 1, sizeof d.diff_id); /* only for a raw blob */
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_OK);
    CHECK_CODE(fill(&f), OCITAR_OK);
    CHECK(is_digest_of(&f.pool[0].digest, OCITAR_SHA512, want.blob,
                       want.blob_len));
    CHECK(is_digest_of(&f.pool[0].diff_id, OCITAR_SHA256, want.tar,
                       want.tar_len));
    stop_whole(&f, 3 + 2 + 2 + 3); /* its name takes a pax record */
}

/* A layer needs a media type: the usual one stands in, or none is made. */
static void test_codec_without_type(void)
{
    fixture f;
    fake k;
    int e;

    twice_begin(&k);
    k.codec.media_type = NULL;
    start_with(&f, PATCHABLE);
    e = layer_begin(&f, OCITAR_WAIT_SPOOL, &k.codec);
    if (e == OCITAR_OK) {
        CHECK_CODE(fill(&f), OCITAR_OK);
        CHECK_CODE(finish_all(&f), OCITAR_OK);
        CHECK(blob_says(&f, 2, "\"mediaType\":\"application/vnd.oci.image."
                               "layer.v1.tar\",\"size\":"));
    } else {
        CHECK_CODE(e, OCITAR_E_ARG);
        CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
        CHECK(k.begins == k.ends + k.given_up);
    }
    stop(&f);
}

static void known_desc(fixture *f, ocitar_layer_desc *d, const fake *k)
{
    layer_desc(f, d, OCITAR_WAIT_KNOWN, &k->codec);
    d->wait.size = want.blob_len;
    CHECK_CODE(ocitar_digest_of(&d->wait.digest, OCITAR_SHA256, want.blob,
                                want.blob_len), OCITAR_OK);
}

static void test_codec_known(void)
{
    ocitar_layer_desc d;
    fixture f;
    fake k;

    twice_begin(&k);
    start_with(&f, PUT_ONLY);
    known_desc(&f, &d, &k);
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_OK);
    CHECK_CODE(fill(&f), OCITAR_OK);
    CHECK_CODE(finish_all(&f), OCITAR_OK);
    coded_is(&f, &f.pool[0], 0, 1, "application/x.twice");
    once_ended(&k);
    stop(&f);
}

/* Wrong in its digest, or in its size by some bytes either way. */
static void test_codec_known_wrong(void)
{
    static const int off[] = { 0, -1, -4000, 1, 4000 };
    ocitar_layer_desc d;
    fixture f;
    fake k;
    size_t i;
    int code;

    for (i = 0; i < sizeof off / sizeof off[0]; i++) {
        twice_begin(&k);
        start_with(&f, PATCHABLE);
        known_desc(&f, &d, &k);
        if (off[i] == 0)
            d.wait.digest.bytes[31] ^= 1;
        d.wait.size += (uint64_t)(int64_t)off[i];
        code = off[i] == 0 ? OCITAR_E_DIGEST : OCITAR_E_SIZE;
        CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_OK);
        CHECK_CODE(fill(&f), code);
        CHECK(error_of(&f)->code == code && error_of(&f)->user_code == 0);
        spoilt(&f, code);
        CHECK(k.begins == 1 && k.ends + k.given_up == 1);
    }
}

/* A layer that is there already still goes through the codec. */
static void test_codec_recognised(void)
{
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_layer_desc d;
    ocitar_key keys[8];
    fixture f;
    fake k;
    uint8_t way;

    l.keys = keys;
    l.key_count = 8;
    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_KNOWN; way++) {
        start_run(&f, PATCHABLE, &l, POOL, NULL, 0);
        CHECK_CODE(ocitar_blob_put(&f.layout, 0, want.blob, want.blob_len,
                                   NULL), OCITAR_OK);
        twice_begin(&k);
        known_desc(&f, &d, &k);
        d.wait.way = way;
        CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_OK);
        CHECK_CODE(fill(&f), OCITAR_OK);
        once_ended(&k);
        CHECK_CODE(finish_all(&f), OCITAR_OK);
        coded_is(&f, &f.pool[0], 0, 1, "application/x.twice");
        CHECK(blob_at(&f, 3).data == NULL);
        stop(&f);
    }
}

static void rehearse(int metadata_first)
{
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_rehearsal r = OCITAR_ZERO;
    ocitar_rehearsed table[1];
    ocitar_descriptor pool[POOL];
    fixture f;
    fake k;
    int run;

    r.table = table;
    r.capacity = 1;
    l.rehearsal = &r;
    for (run = 0; run < 2; run++) {
        twice_begin(&k);
        start_run(&f, run == 0, &l, POOL, pool, metadata_first);
        CHECK_CODE(layer_begin(&f, OCITAR_WAIT_REHEARSE, &k.codec), OCITAR_OK);
        CHECK_CODE(fill(&f), OCITAR_OK);
        once_ended(&k);
        CHECK(table[0].size == want.blob_len);
        CHECK(is_digest_of(&table[0].digest, OCITAR_SHA256, want.blob,
                           want.blob_len));
        CHECK_CODE(finish_all(&f), OCITAR_OK);
        if (run == 1 && metadata_first)
            coded_is(&f, &pool[0], 2, 0, "application/x.twice");
        else
            coded_is(&f, &pool[0], 0, 1, "application/x.twice");
        ocitar_rehearsal_play(&r);
        stop(&f);
    }
}

static void test_codec_rehearsed(void)
{
    rehearse(0);
    rehearse(1);
}

static void test_codec_rehearsed_changed(void)
{
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_rehearsal r = OCITAR_ZERO;
    ocitar_rehearsed table[1];
    fixture f;
    fake k;

    r.table = table;
    r.capacity = 1;
    l.rehearsal = &r;
    twice_begin(&k);
    start_run(&f, PATCHABLE, &l, POOL, NULL, 0);
    CHECK_CODE(layer_begin(&f, OCITAR_WAIT_REHEARSE, &k.codec), OCITAR_OK);
    CHECK_CODE(fill(&f), OCITAR_OK);
    CHECK_CODE(finish_all(&f), OCITAR_OK);
    stop(&f);
    ocitar_rehearsal_play(&r);
    twice_begin(&k);
    start_run(&f, PATCHABLE, &l, POOL, NULL, 0);
    CHECK_CODE(layer_begin(&f, OCITAR_WAIT_REHEARSE, &k.codec), OCITAR_OK);
    CHECK_CODE(put_file(&f, "more"), OCITAR_OK);
    CHECK_CODE(fill(&f), OCITAR_E_CHANGED);
    CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
    once_given_up(&k);
    stop(&f);
}

/* Two layers, one codec after the other, and a path set that sees entries. */
static void test_codec_two_layers(void)
{
    ocitar_key paths[PATHS];
    ocitar_layer_desc d;
    fixture f;
    fake k;
    int i;

    twice_begin(&k);
    start_with(&f, PATCHABLE);
    for (i = 0; i < 2; i++) {
        layer_desc(&f, &d, OCITAR_WAIT_SPOOL, &k.codec);
        d.paths = paths;
        d.path_count = PATHS;
        CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_OK);
        CHECK_CODE(fill(&f), OCITAR_OK);
    }
    CHECK(k.begins == 2 && k.ends == 2 && k.given_up == 0);
    CHECK(ocitar_digest_equal(&f.pool[0].digest, &f.pool[1].digest));
    CHECK(ocitar_digest_equal(&f.pool[0].diff_id, &f.pool[1].diff_id));
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_OK);
    CHECK_CODE(ocitar_layer_file(&f.layer, "../x", 0644, "x", 1),
               OCITAR_E_NAME);
    CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
    CHECK(k.begins == 3 && k.ends == 2 && k.given_up == 1);
    stop_whole(&f, 2 + 2 + 2 + 3);
}

/* ---- raw layers ---- */

static void begin_raw(fixture *f, uint8_t raw, fake *k, uint8_t way,
                      const ocitar_digest *diff_id)
{
    ocitar_layer_desc d;

    start_with(f, PATCHABLE);
    layer_desc(f, &d, way, k != NULL ? &k->codec : NULL);
    d.raw = raw;
    if (diff_id != NULL)
        d.diff_id = *diff_id;
    CHECK_CODE(ocitar_layer_begin(&f->layer, &f->image, &d), OCITAR_OK);
}

/* In pieces that grow. */
static int write_all(fixture *f, const unsigned char *data, size_t len)
{
    size_t at = 0, n;
    int e = OCITAR_OK;

    for (n = 1; e == OCITAR_OK && at < len; n++) {
        if (n > len - at)
            n = len - at;
        e = ocitar_layer_write(&f->layer, data + at, n);
        at += n;
    }
    return e == OCITAR_OK ? ocitar_layer_write(&f->layer, NULL, 0) : e;
}

static void test_raw_decompressed(void)
{
    ocitar_digest given;
    fixture f;
    fake k;
    uint8_t way;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++) {
        half_begin(&k);
        begin_raw(&f, OCITAR_RAW_BLOB, &k, way, NULL);
        CHECK_CODE(write_all(&f, want.blob, want.blob_len), OCITAR_OK);
        CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
        once_ended(&k);
        CHECK_CODE(finish_all(&f), OCITAR_OK);
        coded_is(&f, &f.pool[0], 0, 1, "application/x.twice");
        stop(&f);
        half_begin(&k);
        memset(&given, 0, sizeof given);
        given.algorithm = OCITAR_SHA256;
        given.bytes[0] = 7;
        begin_raw(&f, OCITAR_RAW_BLOB, &k, way, &given);
        CHECK_CODE(write_all(&f, want.blob, want.blob_len), OCITAR_OK);
        CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
        once_ended(&k);
        CHECK(ocitar_digest_equal(&f.pool[0].diff_id, &given));
        stop_whole(&f, 2 + 1 + 2 + 3);
    }
}

static void test_raw_given(void)
{
    char text[OCITAR_DIGEST_TEXT_MAX], line[300];
    ocitar_digest given;
    fixture f;

    CHECK_CODE(ocitar_digest_of(&given, OCITAR_SHA256, "y", 1), OCITAR_OK);
    begin_raw(&f, OCITAR_RAW_BLOB, NULL, OCITAR_WAIT_SPOOL, &given);
    CHECK_CODE(write_all(&f, content, 701), OCITAR_OK);
    CHECK(is_want(layer_bytes(&f), content, 701));
    CHECK(ocitar_digest_equal(&f.pool[0].diff_id, &given));
    CHECK(is_digest_of(&f.pool[0].digest, OCITAR_SHA256, content, 701));
    ocitar_digest_format(&given, text);
    snprintf(line, sizeof line, "\"diff_ids\":[\"%s\"]", text);
    CHECK(blob_says(&f, 1, line));
    stop(&f);
}

static void test_raw_without_codec(void)
{
    ocitar_digest given;
    fixture f;
    uint8_t raw;

    memset(&given, 1, sizeof given);
    for (raw = OCITAR_RAW_BLOB; raw <= OCITAR_RAW_TAR; raw++) {
        begin_raw(&f, raw, NULL, OCITAR_WAIT_SPOOL,
                  raw == OCITAR_RAW_TAR ? &given : NULL);
        CHECK_CODE(write_all(&f, content, 701), OCITAR_OK);
        CHECK(is_want(layer_bytes(&f), content, 701));
        CHECK(f.pool[0].size == 701);
        CHECK(is_digest_of(&f.pool[0].digest, OCITAR_SHA256, content, 701));
        CHECK(is_digest_of(&f.pool[0].diff_id, OCITAR_SHA256, content, 701));
        CHECK(strcmp(f.pool[0].media_type,
                     "application/vnd.oci.image.layer.v1.tar") == 0);
        stop(&f);
    }
}

static void test_raw_tar(void)
{
    fixture f;
    fake k;
    uint8_t way;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++) {
        twice_begin(&k);
        begin_raw(&f, OCITAR_RAW_TAR, &k, way, NULL);
        CHECK_CODE(write_all(&f, want.tar, want.tar_len), OCITAR_OK);
        CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
        once_ended(&k);
        CHECK_CODE(finish_all(&f), OCITAR_OK);
        coded_is(&f, &f.pool[0], 0, 1, "application/x.twice");
        stop(&f);
    }
    twice_begin(&k); /* not one byte: what the codec puts in the end */
    begin_raw(&f, OCITAR_RAW_TAR, &k, OCITAR_WAIT_SPOOL, NULL);
    CHECK(is_want(layer_bytes(&f), (const unsigned char *)"HEADTAIL", 8));
    CHECK(is_digest_of(&f.pool[0].diff_id, OCITAR_SHA256, "", 0));
    CHECK(k.writes == 0);
    once_ended(&k);
    stop(&f);
}

static void test_raw_refused(void)
{
    ocitar_entry e = OCITAR_ZERO;
    ocitar_layer_desc d;
    fixture f;
    fake k;
    int i;

    e.name = "f";
    for (i = 0; i < 8; i++) {
        half_begin(&k);
        begin_raw(&f, i < 4 ? OCITAR_RAW_BLOB : OCITAR_RAW_TAR, &k,
                  OCITAR_WAIT_PATCH, NULL);
        CHECK_CODE(i % 4 == 0   ? ocitar_layer_entry(&f.layer, &e)
                   : i % 4 == 1 ? ocitar_layer_whiteout(&f.layer, "a")
                   : i % 4 == 2 ? ocitar_layer_opaque(&f.layer, "")
                                : ocitar_layer_write(&f.layer, NULL, 1),
                   OCITAR_E_ARG);
        CHECK(k.writes == 0);
        spoilt(&f, OCITAR_E_ARG);
        once_given_up(&k);
    }
    half_begin(&k);
    start_with(&f, PATCHABLE);
    layer_desc(&f, &d, OCITAR_WAIT_SPOOL, &k.codec);
    d.raw = 3;
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_E_ARG);
    CHECK(k.begins == 0 && f.spool.busy == 0);
    spoilt(&f, OCITAR_E_ARG);
    CHECK(k.begins == 0 && k.given_up == 0);
}

/* ---- codecs that fail ---- */

static void codec_failed(fixture *f)
{
    CHECK(error_of(f)->code == OCITAR_E_CODEC);
    CHECK(error_of(f)->user_code == OWN_CODE);
    spoilt(f, OCITAR_E_CODEC);
}

static void test_codec_begin_fails(void)
{
    ocitar_layer_desc d;
    fixture f;
    fake k;
    uint8_t way;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_KNOWN; way++) {
        twice_begin(&k);
        k.fail_begin = 1;
        start_with(&f, PATCHABLE);
        known_desc(&f, &d, &k);
        d.wait.way = way;
        CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d),
                   OCITAR_E_CODEC);
        CHECK(ocitar_archive_size(&f.archive) == 1024);
        codec_failed(&f);
        CHECK(k.begins == 1 && k.writes == 0 && k.ends == 0 &&
              k.given_up == 0);
    }
    twice_begin(&k); /* given up by the image */
    k.fail_begin = 1;
    start_with(&f, PATCHABLE);
    CHECK_CODE(layer_begin(&f, OCITAR_WAIT_SPOOL, &k.codec), OCITAR_E_CODEC);
    CHECK_CODE(ocitar_image_abandon(&f.image), OCITAR_OK);
    CHECK(k.ends == 0 && k.given_up == 0 && f.spool.busy == 0);
    CHECK_CODE(image_begin(&f), OCITAR_OK);
    stop_whole(&f, 2 + 2 + 3);
}

/* At each of its writes; the last run is the one in which none fails. */
static void test_codec_write_fails(void)
{
    fixture f;
    fake k;
    uint8_t way;
    int n, e;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++)
        for (n = 1, e = OCITAR_E_CODEC; e != OCITAR_OK && n < 100; n++) {
            twice_begin(&k);
            k.fail_write = n;
            start_with(&f, PATCHABLE);
            CHECK_CODE(layer_begin(&f, way, &k.codec), OCITAR_OK);
            e = fill(&f);
            if (e != OCITAR_OK) {
                codec_failed(&f);
                once_given_up(&k);
                CHECK(k.writes == n);
            } else {
                CHECK(n == 9 && k.writes == 8);
                once_ended(&k);
                stop_whole(&f, 2 + 1 + 2 + 3);
            }
        }
}

static void test_codec_end_fails(void)
{
    fixture f;
    fake k;
    uint8_t way;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++) {
        twice_begin(&k);
        k.fail_end = 1;
        start_with(&f, PATCHABLE);
        CHECK_CODE(layer_begin(&f, way, &k.codec), OCITAR_OK);
        CHECK_CODE(fill(&f), OCITAR_E_CODEC);
        once_ended(&k);
        codec_failed(&f);
        once_ended(&k);
    }
}

static void test_decompressor_fails(void)
{
    fixture f;
    fake k;
    int i;

    for (i = 0; i < 4; i++) {
        half_begin(&k);
        k.fail_write = i < 2 ? i + 1 : 0;
        k.fail_end = i == 2;
        begin_raw(&f, OCITAR_RAW_BLOB, &k, i % 2 ? OCITAR_WAIT_PATCH
                                                 : OCITAR_WAIT_SPOOL, NULL);
        if (i < 2) {
            CHECK_CODE(write_all(&f, want.blob, want.blob_len),
                       OCITAR_E_CODEC);
            codec_failed(&f);
            once_given_up(&k);
        } else {
            CHECK_CODE(write_all(&f, want.blob, want.blob_len - 2),
                       OCITAR_OK);
            CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_CODEC);
            CHECK(error_of(&f)->user_code == (i == 2 ? OWN_CODE : 79));
            spoilt(&f, OCITAR_E_CODEC);
            once_ended(&k);
        }
    }
}

/* Given up by the layer, its image or its index, early and late. */
static void test_codec_given_up(void)
{
    fixture f;
    fake k;
    int i, by;
    uint8_t way;

    for (i = 0; i < 12; i++) {
        way = i % 2 ? OCITAR_WAIT_PATCH : OCITAR_WAIT_SPOOL;
        by = i / 4;
        twice_begin(&k);
        start_with(&f, PATCHABLE);
        CHECK_CODE(layer_begin(&f, way, &k.codec), OCITAR_OK);
        if (i % 4 < 2)
            CHECK_CODE(put_file(&f, "f"), OCITAR_OK);
        CHECK_CODE(by == 0   ? ocitar_layer_abandon(&f.layer)
                   : by == 1 ? ocitar_image_abandon(&f.image)
                             : ocitar_index_abandon(&f.index), OCITAR_OK);
        once_given_up(&k);
        CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_E_STATE);
        CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_STATE);
        if (by < 2)
            CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
        once_given_up(&k);
        CHECK(f.spool.busy == 0);
        CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
        CHECK(f.out.len == 2048);
        stop(&f);
    }
}

/* A layer that could not be begun has begun no codec, and the open one keeps
   its own. */
static void test_codec_not_begun(void)
{
    ocitar_layer second;
    ocitar_layer_desc d;
    fixture f;
    fake k, none;

    twice_begin(&k);
    twice_begin(&none);
    start_with(&f, PATCHABLE);
    CHECK_CODE(layer_begin(&f, OCITAR_WAIT_SPOOL, &k.codec), OCITAR_OK);
    layer_desc(&f, &d, OCITAR_WAIT_PATCH, &none.codec);
    CHECK_CODE(ocitar_layer_begin(&second, &f.image, &d), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layer_abandon(&second), OCITAR_OK);
    CHECK_CODE(fill(&f), OCITAR_OK);
    once_ended(&k);
    d.algorithm = 8;
    CHECK_CODE(ocitar_layer_begin(&second, &f.image, &d),
               OCITAR_E_UNSUPPORTED);
    CHECK_CODE(ocitar_layer_abandon(&second), OCITAR_OK);
    CHECK(none.begins == 0 && none.ends == 0 && none.given_up == 0);
    stop_whole(&f, 2 + 1 + 2 + 3);
    start_run(&f, PATCHABLE, NULL, 1, NULL, 0); /* no slot for a layer */
    CHECK_CODE(layer_begin(&f, OCITAR_WAIT_SPOOL, &none.codec),
               OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
    CHECK(none.begins == 0 && none.ends == 0 && none.given_up == 0);
    stop_whole(&f, 2 + 2 + 3);
}

/* ---- what fails while a codec puts ---- */

/* The sink, at each of its calls, whatever the codec makes of it. */
static void test_sink_fails(void)
{
    fixture f;
    fake k;
    int n, e, deaf;

    for (deaf = 0; deaf < 2; deaf++)
        for (n = 1, e = OCITAR_E_SINK; e != OCITAR_OK && n < 200; n++) {
            twice_begin(&k);
            k.deaf = deaf;
            start_with(&f, PATCHABLE);
            CHECK_CODE(layer_begin(&f, OCITAR_WAIT_PATCH, &k.codec),
                       OCITAR_OK);
            f.out.fail_at = f.out.calls + n;
            f.out.code = 28;
            e = fill(&f);
            if (e != OCITAR_OK) {
                CHECK_CODE(e, OCITAR_E_SINK);
                CHECK(error_of(&f)->code == OCITAR_E_SINK);
                CHECK(error_of(&f)->user_code == 28);
                CHECK_CODE(ocitar_layer_write(&f.layer, "x", 1),
                           OCITAR_E_SINK);
                CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_SINK);
                CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_E_SINK);
            } else {
                CHECK(n > 20);
            }
            CHECK(k.begins == 1 && k.ends + k.given_up == 1);
            stop(&f);
        }
}

/* A spool that is too small, at every size; a codec that hears nothing does
   not hide it. */
static void test_spool_full(void)
{
    static unsigned char room[32768];
    fixture f;
    fake k;
    size_t size;
    int deaf;

    for (deaf = 0; deaf < 3; deaf++)
        for (size = 1; size < want.blob_len; size += 487) {
            twice_begin(&k);
            k.deaf = deaf;
            start_with(&f, PATCHABLE);
            CHECK_CODE(ocitar_spool_begin_buffer(&f.spool, room, size),
                       OCITAR_OK);
            CHECK_CODE(layer_begin(&f, OCITAR_WAIT_SPOOL, &k.codec),
                       OCITAR_OK);
            CHECK_CODE(fill(&f), OCITAR_E_LIMIT);
            CHECK(error_of(&f)->code == OCITAR_E_LIMIT);
            CHECK(error_of(&f)->user_code == 0);
            CHECK(error_of(&f)->expected_size == size);
            CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_LIMIT);
            CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
            CHECK(k.begins == 1 && k.ends + k.given_up == 1);
            stop_whole(&f, 2 + 2 + 3);
        }
}

/* The call in which the blob failed says so, though the codec did not. */
static void test_spool_full_now(void)
{
    static unsigned char room[100];
    fixture f;
    fake k;

    twice_begin(&k);
    k.deaf = 2;
    start_with(&f, PATCHABLE);
    CHECK_CODE(ocitar_spool_begin_buffer(&f.spool, room, sizeof room),
               OCITAR_OK);
    CHECK_CODE(layer_begin(&f, OCITAR_WAIT_SPOOL, &k.codec), OCITAR_OK);
    CHECK_CODE(ocitar_layer_dir(&f.layer, "d", 0755), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
    once_given_up(&k);
    stop_whole(&f, 2 + 2 + 3);
}

/* What the blob did not take, a decompressor does not get. */
static void test_spool_full_raw(void)
{
    static unsigned char room[100];
    ocitar_layer_desc d;
    fixture f;
    fake k;

    half_begin(&k);
    start_with(&f, PATCHABLE);
    CHECK_CODE(ocitar_spool_begin_buffer(&f.spool, room, sizeof room),
               OCITAR_OK);
    layer_desc(&f, &d, OCITAR_WAIT_SPOOL, &k.codec);
    d.raw = OCITAR_RAW_BLOB;
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &d), OCITAR_OK);
    CHECK_CODE(ocitar_layer_write(&f.layer, want.blob, 60), OCITAR_OK);
    CHECK_CODE(ocitar_layer_write(&f.layer, want.blob, 60), OCITAR_E_LIMIT);
    CHECK(k.writes == 1);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_layer_abandon(&f.layer), OCITAR_OK);
    once_given_up(&k);
    stop_whole(&f, 2 + 2 + 3);
}

/* A blob owns the tail; the end is tried again, the codec's is not. */
static void test_busy(void)
{
    ocitar_blob owner;
    fixture f;
    fake k;
    int i, writes = 0;

    for (i = 0; i < 3; i++) {
        twice_begin(&k);
        start_with(&f, PATCHABLE);
        CHECK_CODE(layer_begin(&f, OCITAR_WAIT_SPOOL, &k.codec), OCITAR_OK);
        CHECK_CODE(ocitar_blob_begin(&owner, &f.layout, 0, NULL), OCITAR_OK);
        CHECK_CODE(fill(&f), OCITAR_E_BUSY);
        once_ended(&k);
        writes = k.writes;
        CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_BUSY);
        CHECK_CODE(ocitar_layer_write(&f.layer, "x", 1), OCITAR_E_BUSY);
        CHECK_CODE(ocitar_layer_whiteout(&f.layer, "a"), OCITAR_E_BUSY);
        CHECK_CODE(ocitar_blob_close(&owner), OCITAR_OK);
        if (i == 0) {
            CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
            CHECK_CODE(finish_all(&f), OCITAR_OK);
            coded_is(&f, &f.pool[0], 0, 1, "application/x.twice");
            stop(&f);
        } else {
            CHECK_CODE(i == 1 ? ocitar_layer_abandon(&f.layer)
                              : ocitar_index_abandon(&f.index), OCITAR_OK);
            stop(&f);
        }
        once_ended(&k);
        CHECK(k.writes == writes);
    }
}

/* The same for a decompressor, whose diffID must not change. */
static void test_busy_raw(void)
{
    ocitar_blob owner;
    fixture f;
    fake k;

    half_begin(&k);
    begin_raw(&f, OCITAR_RAW_BLOB, &k, OCITAR_WAIT_SPOOL, NULL);
    CHECK_CODE(write_all(&f, want.blob, want.blob_len), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&owner, &f.layout, 0, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_E_BUSY);
    once_ended(&k);
    CHECK_CODE(ocitar_blob_close(&owner), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
    once_ended(&k);
    CHECK_CODE(finish_all(&f), OCITAR_OK);
    coded_is(&f, &f.pool[0], 0, 1, "application/x.twice");
    stop(&f);
}

static void whiteouts_and_paths(void)
{
    test_whiteout();
    test_opaque();
    test_whiteout_refused();
    test_whiteout_of_dots();
    test_whiteout_length();
    test_names_of_whiteouts();
    test_names_of_whiteouts_uncleaned();
    test_names_that_are_none();
    test_whiteout_in_a_body();
    test_zero_objects();
    test_paths_duplicate();
    test_paths_types();
    test_paths_different();
    test_paths_links();
    test_paths_links_refused();
    test_paths_full();
    test_paths_zeroed();
    test_paths_whiteouts();
}

int main(void)
{
    size_t i;

    for (i = 0; i < sizeof content; i++)
        content[i] = (unsigned char)(i * 131 + 7 + i / 256);
    whiteouts_and_paths();
    want_fill();
    test_codec_ways();
    test_codec_description();
    test_codec_without_type();
    test_codec_known();
    test_codec_known_wrong();
    test_codec_recognised();
    test_codec_rehearsed();
    test_codec_rehearsed_changed();
    test_codec_two_layers();
    test_raw_decompressed();
    test_raw_given();
    test_raw_without_codec();
    test_raw_tar();
    test_raw_refused();
    test_codec_begin_fails();
    test_codec_write_fails();
    test_codec_end_fails();
    test_decompressor_fails();
    test_codec_given_up();
    test_codec_not_begun();
    test_sink_fails();
    test_spool_full();
    test_spool_full_now();
    test_spool_full_raw();
    test_busy();
    test_busy_raw();
    return check_done();
}
