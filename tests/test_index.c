/* test_index - nested indexes, manifests added as they are, several names,
   docker's media types, and what descriptors can carry. */

#include "ocitar.h"
#include "check.h"
#include "tar_reader.h"
#include "layout_reader.h"

#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
#define MANIFEST OCI "manifest.v1+json"
#define INDEX OCI "index.v1+json"
#define LAYER OCI "layer.v1.tar"
#define LIST DOCKER "distribution.manifest.list.v2+json"
#define RAW "{ \"schemaVersion\": 2,\n\t\"layers\": [] }\n"

/* ---- what a test starts with ---- */

enum { POOL = 16, DRY = 0, PUT_ONLY = 1, PATCHABLE = 2 };

typedef struct fixture {
    check_sink out;
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_index index;
    ocitar_image image;
    ocitar_descriptor pool[POOL];
    ocitar_key keys[32];
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

static void start_layout(fixture *f, const ocitar_layout_desc *layout_desc,
                         int sink)
{
    ocitar_archive_desc a = OCITAR_ZERO;

    memset(&f->out, 0, sizeof f->out);
    a.buffer = f->buffer;
    a.buffer_size = sizeof f->buffer;
    a.sink.user = &f->out;
    if (sink != DRY)
        a.sink.put_fn = check_put;
    if (sink == PATCHABLE) {
        a.sink.put_at_fn = memory_put_at;
        a.sink.truncate_fn = memory_cut;
    }
    CHECK_CODE(ocitar_archive_begin(&f->archive, &a), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&f->layout, &f->archive, layout_desc),
               OCITAR_OK);
}

static int index_begin(fixture *f, size_t capacity, int metadata_first)
{
    ocitar_index_desc d = OCITAR_ZERO;

    d.descriptors = f->pool;
    d.capacity = capacity;
    d.metadata_first = (uint8_t)metadata_first;
    return ocitar_index_begin(&f->index, &f->layout, &d);
}

static void start_capacity(fixture *f, size_t capacity)
{
    memset(f, 0, sizeof *f);
    start_layout(f, NULL, PATCHABLE);
    CHECK_CODE(index_begin(f, capacity, 0), OCITAR_OK);
}

static void start(fixture *f)
{
    start_capacity(f, POOL);
}

static int finish(fixture *f)
{
    int e = ocitar_index_end(&f->index);

    return e == OCITAR_OK ? ocitar_archive_finish(&f->archive) : e;
}

static int count_of(const check_sink *s)
{
    bytes all;

    all.data = s->data;
    all.len = s->len;
    return tar_count(all);
}

static void stop(fixture *f)
{
    free(f->out.data);
}

/* Ends the archive well; it must then hold so many entries. */
static void stop_whole(fixture *f, int entries)
{
    CHECK_CODE(ocitar_archive_finish(&f->archive), OCITAR_OK);
    CHECK(count_of(&f->out) == entries);
    stop(f);
}

/* Gives the index up; the archive is good without it. */
static void stop_abandoned(fixture *f)
{
    ocitar_image_abandon(&f->image); /* if one was begun */
    CHECK_CODE(ocitar_index_abandon(&f->index), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f->archive), OCITAR_OK);
    stop(f);
}

static ocitar_image_desc image_desc(const char *reference, const char *arch)
{
    ocitar_image_desc d = OCITAR_ZERO;

    d.reference = reference;
    d.platform.architecture = arch;
    return d;
}

/* An image without layers. */
static int add_image(fixture *f, const char *reference, const char *arch)
{
    ocitar_image_desc d = image_desc(reference, arch);
    int e = ocitar_image_begin(&f->image, &f->index, &d);

    return e == OCITAR_OK ? ocitar_image_end(&f->image) : e;
}

static ocitar_descriptor descriptor_of(const char *media_type,
                                       const char *text)
{
    ocitar_descriptor d = OCITAR_ZERO;

    d.media_type = media_type;
    d.size = strlen(text);
    CHECK_CODE(ocitar_digest_of(&d.digest, OCITAR_SHA256, text, strlen(text)),
               OCITAR_OK);
    return d;
}

/* A layer whose blob stands in the layout. */
static int add_layer(fixture *f, const char *content)
{
    ocitar_descriptor d = descriptor_of(LAYER, content);
    int e = ocitar_blob_put(&f->layout, 0, content, strlen(content), NULL);

    d.diff_id = d.digest;
    return e == OCITAR_OK ? ocitar_image_layer(&f->image, &d) : e;
}

/* "sha256:..." of a text; kept until eight others were asked for. */
static const char *digest_text(const char *text)
{
    static char out[8][OCITAR_DIGEST_TEXT_MAX];
    static int turn;
    ocitar_descriptor d = descriptor_of(NULL, text);
    char *p = out[turn++ & 7];

    ocitar_digest_format(&d.digest, p);
    return p;
}

static const char *path_text(const char *text)
{
    ocitar_descriptor d = descriptor_of(NULL, text);

    return path_of(&d.digest);
}

static int has_blob(const fixture *f, const char *text)
{
    return strcmp(text_of(&f->out, path_text(text)), text) == 0;
}

/* ---- expected documents ---- */

/* The config and the manifest of add_image. */
static void config_text(char out[256], const char *arch)
{
    snprintf(out, 256,
             "{\"architecture\":\"%s\",\"config\":{},\"os\":\"linux\","
             "\"rootfs\":{\"diff_ids\":[],\"type\":\"layers\"}}", arch);
}

static void manifest_text(char out[512], const char *arch)
{
    char config[256];

    config_text(config, arch);
    snprintf(out, 512,
             "{\"config\":{\"digest\":\"%s\",\"mediaType\":\"" OCI
             "config.v1+json\",\"size\":%u},\"layers\":[],\"mediaType\":\""
             MANIFEST "\",\"schemaVersion\":2}",
             digest_text(config), (unsigned)strlen(config));
}

/* Collects text; what does not fit would show in the comparison. */
typedef struct paper {
    char text[8192];
} paper;

static void put(paper *p, const char *text)
{
    size_t n = strlen(p->text);

    snprintf(p->text + n, sizeof p->text - n, "%s", text);
}

/* A descriptor; `notes` are its annotations, with the comma behind them. */
static void put_descriptor(paper *p, const char *notes, const char *text,
                           const char *media_type, const char *arch)
{
    char line[1024], platform[128] = "";

    if (arch != NULL)
        snprintf(platform, sizeof platform,
                 "\"platform\":{\"architecture\":\"%s\",\"os\":\"linux\"},",
                 arch);
    snprintf(line, sizeof line,
             "{%s\"digest\":\"%s\",\"mediaType\":\"%s\",%s\"size\":%u}", notes,
             digest_text(text), media_type, platform, (unsigned)strlen(text));
    put(p, line);
}

/* That of an image of add_image. */
static void put_image(paper *p, const char *notes, const char *arch)
{
    char manifest[512];

    manifest_text(manifest, arch);
    put_descriptor(p, notes, manifest, MANIFEST, arch);
}

static void put_index_end(paper *p, const char *media_type)
{
    put(p, "],\"mediaType\":\"");
    put(p, media_type);
    put(p, "\",\"schemaVersion\":2}");
}

/* The annotations of a name that is repository and tag. */
#define NAMED(repository, tag)                                                \
    "\"annotations\":{\"io.containerd.image.name\":\"" repository ":" tag     \
    "\",\"org.opencontainers.image.ref.name\":\"" tag "\"},"

/* An element of docker's manifest.json for an image of add_image. */
static void put_docker(paper *p, const char *arch, const char *names)
{
    char config[256], line[512];

    config_text(config, arch);
    snprintf(line, sizeof line,
             "{\"Config\":\"%s\",\"Layers\":[],\"RepoTags\":[%s]}",
             path_text(config), names);
    put(p, line);
}

/* ---- nested indexes ---- */

static const ocitar_pair nest_notes[] = { { "k", "v", 0, 0 } };
static const ocitar_pair nest_descriptor_notes[] = { { "zz", "e", 0, 0 } };

static ocitar_nest_desc nest_desc(const char *reference)
{
    ocitar_nest_desc d = OCITAR_ZERO;

    d.reference = reference;
    return d;
}

static void test_nest(void)
{
    ocitar_nest_desc d = nest_desc("localhost/multi:1");
    paper nested = { "" }, index = { "" }, docker = { "" };
    fixture f;

    d.annotations = nest_notes;
    d.annotation_count = 1;
    d.descriptor_annotations = nest_descriptor_notes;
    d.descriptor_annotation_count = 1;
    start_capacity(&f, 3);
    CHECK_CODE(ocitar_index_nest(&f.index, &d), OCITAR_OK);
    memset(&d, 0xEE, sizeof d); /* the description was copied */
    CHECK_CODE(add_image(&f, NULL, "arm64"), OCITAR_OK);
    CHECK_CODE(add_image(&f, NULL, "riscv64"), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    put(&nested, "{\"annotations\":{\"k\":\"v\"},\"manifests\":[");
    put_image(&nested, "", "arm64");
    put(&nested, ",");
    put_image(&nested, "", "riscv64");
    put_index_end(&nested, INDEX);
    CHECK_TEXT(text_of(&f.out, path_text(nested.text)), nested.text);
    put(&index, "{\"manifests\":[");
    put_descriptor(&index,
                   "\"annotations\":{\"io.containerd.image.name\":"
                   "\"localhost/multi:1\","
                   "\"org.opencontainers.image.ref.name\":\"1\","
                   "\"zz\":\"e\"},", nested.text, INDEX, NULL);
    put_index_end(&index, INDEX);
    CHECK_TEXT(text_of(&f.out, "index.json"), index.text);
    put(&docker, "[");
    put_docker(&docker, "arm64", "\"localhost/multi:1\"");
    put(&docker, ",");
    put_docker(&docker, "riscv64", "");
    put(&docker, "]");
    CHECK_TEXT(text_of(&f.out, "manifest.json"), docker.text);
    stop_whole(&f, 2 + 4 + 1 + 3);
}

static void test_nest_empty(void)
{
    paper nested = { "{\"manifests\":[" }, index = { "{\"manifests\":[" };
    fixture f;

    put_index_end(&nested, INDEX);
    start_capacity(&f, 1);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    CHECK(has_blob(&f, nested.text));
    put_descriptor(&index, "", nested.text, INDEX, NULL);
    put_index_end(&index, INDEX);
    CHECK_TEXT(text_of(&f.out, "index.json"), index.text);
    CHECK_TEXT(text_of(&f.out, "manifest.json"), "[]");
    stop_whole(&f, 6);
}

/* An image, a nested index (which names its second image), an empty one, an
   image, and one more nested index with a layer and a name without a tag. */
static int add_mixture(fixture *f)
{
    ocitar_nest_desc m = nest_desc("m:1"), n = nest_desc("n");
    ocitar_image_desc d = image_desc(NULL, "s390x");
    int e = add_image(f, "x:a", "amd64");

    e = e != OCITAR_OK ? e : ocitar_index_nest(&f->index, &m);
    e = e != OCITAR_OK ? e : add_image(f, "x:b", "arm64");
    e = e != OCITAR_OK ? e : add_image(f, NULL, "arm");
    e = e != OCITAR_OK ? e : add_image(f, NULL, "386");
    e = e != OCITAR_OK ? e : ocitar_index_unnest(&f->index);
    e = e != OCITAR_OK ? e : ocitar_index_nest(&f->index, NULL);
    e = e != OCITAR_OK ? e : ocitar_index_unnest(&f->index);
    e = e != OCITAR_OK ? e : add_image(f, NULL, "riscv64");
    e = e != OCITAR_OK ? e : ocitar_index_nest(&f->index, &n);
    e = e != OCITAR_OK ? e : ocitar_image_begin(&f->image, &f->index, &d);
    e = e != OCITAR_OK ? e : add_layer(f, "one");
    e = e != OCITAR_OK ? e : ocitar_image_end(&f->image);
    return e != OCITAR_OK ? e : ocitar_index_unnest(&f->index);
}

/* Entries of the mixture: two directories, a layer, two documents for each of
   six images, three nested indexes, three files. */
enum { MIXTURE = 2 + 1 + 12 + 3 + 3, MIXTURE_SLOTS = 10 };

static void mixture_index(const fixture *f, paper *index)
{
    paper m = { "{\"manifests\":[" }, e = { "{\"manifests\":[" };
    const char *n;

    put_image(&m, NAMED("x", "b"), "arm64");
    put(&m, ",");
    put_image(&m, "", "arm");
    put(&m, ",");
    put_image(&m, "", "386");
    put_index_end(&m, INDEX);
    put_index_end(&e, INDEX);
    n = blob_of(&f->out, &f->pool[7].digest);
    put(index, "{\"manifests\":[");
    put_image(index, NAMED("x", "a"), "amd64");
    put(index, ",");
    put_descriptor(index, NAMED("m", "1"), m.text, INDEX, NULL);
    put(index, ",");
    put_descriptor(index, "", e.text, INDEX, NULL);
    put(index, ",");
    put_image(index, "", "riscv64");
    put(index, ",");
    put_descriptor(index, NAMED("n", "latest"), n, INDEX, NULL);
    put_index_end(index, INDEX);
    CHECK(has_blob(f, m.text) && has_blob(f, e.text));
    CHECK_HAS(n, "\"architecture\":\"s390x\"");
}

static void test_nest_mixture(void)
{
    paper index = { "" }, docker = { "[" };
    const char *config;
    char line[512];
    fixture f;

    start_capacity(&f, MIXTURE_SLOTS);
    CHECK_CODE(add_mixture(&f), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    mixture_index(&f, &index);
    CHECK_TEXT(text_of(&f.out, "index.json"), index.text);
    put_docker(&docker, "amd64", "\"x:a\"");
    put(&docker, ",");
    put_docker(&docker, "arm64", "\"x:b\"");
    put(&docker, ",");
    put_docker(&docker, "arm", "\"m:1\"");
    put(&docker, ",");
    put_docker(&docker, "386", "");
    put(&docker, ",");
    put_docker(&docker, "riscv64", "");
    config = path_of(&ocitar_image_descriptor(&f.image)->diff_id);
    snprintf(line, sizeof line,
             ",{\"Config\":\"%s\",\"Layers\":[\"%s\"],"
             "\"RepoTags\":[\"n:latest\"]}]", config, path_text("one"));
    put(&docker, line);
    CHECK_TEXT(text_of(&f.out, "manifest.json"), docker.text);
    stop_whole(&f, MIXTURE);
}

/* A name that no image of the nested index can take is nobody's. */
static void test_nest_name_goes_no_further(void)
{
    ocitar_nest_desc d = nest_desc("m:1");
    paper docker = { "[" };
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_index_nest(&f.index, &d), OCITAR_OK);
    CHECK_CODE(add_image(&f, "x:a", "arm"), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
    CHECK_CODE(add_image(&f, NULL, "arm64"), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    put_docker(&docker, "arm", "\"x:a\"");
    put(&docker, ",");
    put_docker(&docker, "arm64", "");
    put(&docker, "]");
    CHECK_TEXT(text_of(&f.out, "manifest.json"), docker.text);
    stop_whole(&f, 2 + 4 + 1 + 3);
}

/* docker's manifest.json leaves artifacts out, so that none takes the name. */
static void test_nest_artifact(void)
{
    ocitar_nest_desc d = nest_desc("m:1");
    ocitar_image_desc a = OCITAR_ZERO;
    paper docker = { "[" };
    fixture f;

    a.artifact_type = "application/x";
    start(&f);
    CHECK_CODE(ocitar_index_nest(&f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &a), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(add_image(&f, NULL, "arm"), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    put_docker(&docker, "arm", "\"m:1\"");
    put(&docker, "]");
    CHECK_TEXT(text_of(&f.out, "manifest.json"), docker.text);
    stop_whole(&f, 2 + 4 + 1 + 3);
}

static void test_nest_docker_types(void)
{
    ocitar_nest_desc d = OCITAR_ZERO;
    paper nested = { "{\"manifests\":[" }, index = { "{\"manifests\":[" };
    fixture f;

    d.docker_types = 1;
    d.descriptor_annotations = nest_descriptor_notes;
    d.descriptor_annotation_count = 1;
    start(&f);
    CHECK_CODE(ocitar_index_nest(&f.index, &d), OCITAR_OK);
    CHECK_CODE(add_image(&f, NULL, "arm64"), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    put_image(&nested, "", "arm64");
    put_index_end(&nested, LIST);
    CHECK(has_blob(&f, nested.text));
    put_descriptor(&index, "\"annotations\":{\"zz\":\"e\"},", nested.text,
                   LIST, NULL);
    put_index_end(&index, INDEX);
    CHECK_TEXT(text_of(&f.out, "index.json"), index.text);
    stop_whole(&f, 2 + 2 + 1 + 3);
}

static void test_nest_algorithm(void)
{
    ocitar_nest_desc d = OCITAR_ZERO;
    paper nested = { "{\"manifests\":[" };
    char digest[OCITAR_DIGEST_TEXT_MAX];
    ocitar_digest want;
    fixture f;

    put_index_end(&nested, INDEX);
    d.algorithm = OCITAR_SHA512;
    start(&f);
    CHECK_CODE(ocitar_index_nest(&f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    CHECK_CODE(ocitar_digest_of(&want, OCITAR_SHA512, nested.text,
                                strlen(nested.text)), OCITAR_OK);
    ocitar_digest_format(&want, digest);
    CHECK(ocitar_digest_equal(&f.pool[0].digest, &want));
    CHECK_HAS(text_of(&f.out, "index.json"), digest);
    stop(&f);
    d.algorithm = 8;
    start(&f);
    CHECK_CODE(ocitar_index_nest(&f.index, &d), OCITAR_E_UNSUPPORTED);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_E_UNSUPPORTED);
    stop_abandoned(&f);
}

/* None of these errors sticks. */
static void test_nest_states(void)
{
    ocitar_image_desc d = image_desc("x:a", "arm64");
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_E_STATE);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_E_STATE);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_E_STATE);
    CHECK(ocitar_archive_error(&f.archive)->code == OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_E_STATE);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_OK);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_E_STATE);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_E_STATE);
    stop_whole(&f, 2 + 4 + 1 + 3);
}

/* With a nested index open the archive cannot be finished either, and the
   index can be given up. */
static void test_nest_abandoned(void)
{
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_STATE);
    CHECK_CODE(add_image(&f, NULL, "arm64"), OCITAR_OK);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
    CHECK_CODE(index_begin(&f, POOL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_E_STATE);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_OK);
    stop_whole(&f, 2 + 2 + 3);
}

/* An image that is given up leaves the nested index as it was. */
static void test_nest_image_abandoned(void)
{
    ocitar_image_desc d = image_desc("x:a", "arm64");
    paper nested = { "{\"manifests\":[" };
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(add_layer(&f, "gone"), OCITAR_OK);
    CHECK_CODE(ocitar_image_abandon(&f.image), OCITAR_OK);
    CHECK_CODE(add_image(&f, NULL, "arm"), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    put_image(&nested, "", "arm");
    put_index_end(&nested, INDEX);
    CHECK(has_blob(&f, nested.text));
    stop_whole(&f, 2 + 1 + 2 + 1 + 3);
}

static void test_nest_pool_full(void)
{
    fixture f;

    start_capacity(&f, 0);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_LIMIT);
    stop_abandoned(&f);
    start_capacity(&f, 1);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_OK);
    CHECK_CODE(add_image(&f, NULL, "arm64"), OCITAR_E_LIMIT);
    stop_abandoned(&f);
    start_capacity(&f, 1);
    CHECK_CODE(add_image(&f, NULL, "arm64"), OCITAR_OK);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_E_LIMIT);
    stop_abandoned(&f);
}

/* A dry run of a nested index with so many manifests, in a pool of its own;
   then one manifest with so many layers. */
static void count_code(size_t count, int code)
{
    const ocitar_descriptor d = descriptor_of(MANIFEST, RAW);
    ocitar_index_desc id = OCITAR_ZERO;
    fixture f;
    size_t i;
    int e = OCITAR_OK;

    memset(&f, 0, sizeof f);
    id.capacity = count + 1;
    id.descriptors = (ocitar_descriptor *)calloc(count + 1, sizeof d);
    if (id.descriptors == NULL)
        abort();
    start_layout(&f, NULL, DRY);
    CHECK_CODE(ocitar_index_begin(&f.index, &f.layout, &id), OCITAR_OK);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_OK);
    for (i = 0; e == OCITAR_OK && i < count; i++)
        e = ocitar_index_add(&f.index, &d, NULL, 0);
    CHECK_CODE(e, OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), code);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
    CHECK_CODE(ocitar_index_begin(&f.index, &f.layout, &id), OCITAR_OK);
    CHECK_CODE(ocitar_index_add(&f.index, &d, id.descriptors, count), code);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
    free(id.descriptors);
}

/* What 16 bits can count. */
static void test_nest_count(void)
{
    count_code(65535, OCITAR_OK);
    count_code(65536, OCITAR_E_LIMIT);
}

static void nest_refused(const ocitar_nest_desc *d, int at_nest, int at_unnest,
                         int at_end)
{
    fixture f;
    int e;

    start(&f);
    CHECK_CODE(ocitar_index_nest(&f.index, d), at_nest);
    if (at_nest == OCITAR_OK)
        CHECK_CODE(ocitar_index_unnest(&f.index), at_unnest);
    e = ocitar_index_end(&f.index);
    CHECK_CODE(e, at_nest != OCITAR_OK     ? at_nest
                  : at_unnest != OCITAR_OK ? at_unnest
                                           : at_end);
    CHECK_CODE(ocitar_index_end(&f.index), e);
    CHECK_CODE(ocitar_archive_finish(&f.archive), e);
    CHECK(ocitar_archive_error(&f.archive)->code == e);
    CHECK(text_of(&f.out, "index.json")[0] == 0);
    stop_abandoned(&f);
}

#define HEX64 "0123456789abcdef0123456789abcdef" \
              "0123456789abcdef0123456789abcdef"

static void test_nest_refused(void)
{
    static const char *const references[] = { "", "A", "a:", "a@sha256:" HEX64,
                                              "a:b@sha256:" HEX64 };
    static const ocitar_pair twice[] = { { "k", "1", 0, 0 },
                                         { "k", "2", 0, 0 } };
    static const ocitar_pair bad[] = { { "k", "\xFF", 0, 0 } };
    static const ocitar_pair own[] = { { "io.containerd.image.name", "x", 0,
                                         0 } };
    ocitar_nest_desc d;
    size_t i;

    for (i = 0; i < sizeof references / sizeof references[0]; i++) {
        d = nest_desc(references[i]);
        nest_refused(&d, OCITAR_E_ARG, 0, 0);
    }
    d = nest_desc(NULL);
    d.annotations = nest_notes;
    d.annotation_count = 1;
    d.docker_types = 1;
    nest_refused(&d, OCITAR_E_ARG, 0, 0);
    d = nest_desc(NULL);
    d.annotation_count = 1;
    nest_refused(&d, OCITAR_OK, OCITAR_E_ARG, 0);
    d.annotations = bad;
    nest_refused(&d, OCITAR_OK, OCITAR_E_UTF8, 0);
    d.annotations = twice;
    d.annotation_count = 2;
    nest_refused(&d, OCITAR_OK, OCITAR_E_DUPLICATE, 0);
    d = nest_desc("m:1");
    d.descriptor_annotation_count = 1;
    nest_refused(&d, OCITAR_OK, OCITAR_OK, OCITAR_E_ARG);
    d.descriptor_annotations = bad;
    nest_refused(&d, OCITAR_OK, OCITAR_OK, OCITAR_E_UTF8);
    d.descriptor_annotations = own;
    nest_refused(&d, OCITAR_OK, OCITAR_OK, OCITAR_E_DUPLICATE);
    d.descriptor_annotations = twice;
    d.descriptor_annotation_count = 2;
    nest_refused(&d, OCITAR_OK, OCITAR_OK, OCITAR_E_DUPLICATE);
}

static void test_nest_of_nothing(void)
{
    ocitar_index index;

    memset(&index, 0, sizeof index);
    CHECK_CODE(ocitar_index_nest(NULL, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_index_unnest(NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_index_nest(&index, NULL), OCITAR_E_STATE);
    CHECK_CODE(ocitar_index_unnest(&index), OCITAR_E_STATE);
}

/* Another blob owns the tail: the end of the nested index may be tried
   again. */
static void test_nest_busy(void)
{
    paper nested = { "{\"manifests\":[" };
    ocitar_blob owner;
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_OK);
    CHECK_CODE(add_image(&f, NULL, "arm64"), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&owner, &f.layout, 0, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_write(&owner, "1", 1), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&owner, 1, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    put_image(&nested, "", "arm64");
    put_index_end(&nested, INDEX);
    CHECK(has_blob(&f, nested.text));
    stop_whole(&f, 2 + 2 + 1 + 1 + 3);
}

/* The same nested index twice is one blob, where the layout has keys. */
static void test_nest_recognised(void)
{
    ocitar_layout_desc l = OCITAR_ZERO;
    fixture f;

    memset(&f, 0, sizeof f);
    l.keys = f.keys;
    l.key_count = 32;
    start_layout(&f, &l, PUT_ONLY);
    CHECK_CODE(index_begin(&f, POOL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    CHECK(f.pool[0].size == f.pool[1].size && f.pool[0].size > 0);
    stop_whole(&f, 6);
}

/* ---- nested indexes, metadata first ---- */

/* Runs of a rehearsal differ in one thing. */
enum {
    SAME, NO_NEST, NEST_EARLIER, NOTES, TYPES, ALGORITHM, FEWER_IMAGES,
    MORE_IMAGES, OTHER_ORDER, OTHER_LAYER, NO_LAYER, MORE_NESTS, NO_UNNEST,
    DIFFERENCES
};

static int play_nest(fixture *f, int how)
{
    ocitar_nest_desc d = nest_desc("m:1");
    int e = OCITAR_OK;

    if (how == NOTES) {
        d.annotations = nest_notes;
        d.annotation_count = 1;
    }
    d.docker_types = how == TYPES;
    d.algorithm = how == ALGORITHM ? OCITAR_SHA512 : 0;
    if (how != NO_NEST)
        e = ocitar_index_nest(&f->index, &d);
    e = e != OCITAR_OK ? e : add_image(f, NULL, how == OTHER_ORDER ? "s390x"
                                                                   : "arm");
    if (e == OCITAR_OK && how != FEWER_IMAGES)
        e = add_image(f, NULL, how == OTHER_ORDER ? "arm" : "s390x");
    if (e == OCITAR_OK && how == MORE_IMAGES)
        e = add_image(f, NULL, "386");
    if (e != OCITAR_OK || how == NO_NEST || how == NO_UNNEST)
        return e;
    return ocitar_index_unnest(&f->index);
}

static int play(fixture *f, int how)
{
    ocitar_image_desc d = image_desc(NULL, "arm64");
    int e = index_begin(f, POOL, 1);

    if (e == OCITAR_OK && how == NEST_EARLIER)
        e = play_nest(f, how);
    e = e != OCITAR_OK ? e : ocitar_image_begin(&f->image, &f->index, &d);
    if (e == OCITAR_OK && how != NO_LAYER)
        e = add_layer(f, how == OTHER_LAYER ? "two" : "one");
    e = e != OCITAR_OK ? e : ocitar_image_end(&f->image);
    if (e == OCITAR_OK && how != NEST_EARLIER)
        e = play_nest(f, how);
    if (e == OCITAR_OK && how == MORE_NESTS) {
        e = ocitar_index_nest(&f->index, NULL);
        e = e != OCITAR_OK ? e : ocitar_index_unnest(&f->index);
    }
    return e != OCITAR_OK ? e : finish(f);
}

/* After a first run that was dry, the archive of the second. */
static void start_second(fixture *f, ocitar_rehearsal *r, int sink)
{
    ocitar_layout_desc l = OCITAR_ZERO;

    memset(f, 0, sizeof *f);
    memset(r, 0, sizeof *r);
    l.rehearsal = r;
    l.algorithms = OCITAR_SHA512;
    start_layout(f, &l, DRY);
    CHECK_CODE(play(f, SAME), OCITAR_OK);
    ocitar_rehearsal_play(r);
    start_layout(f, &l, sink);
}

static void test_nest_ahead_order(void)
{
    static const char *const names[] = {
        "blobs/", "blobs/sha256/", "blobs/sha512/", "oci-layout",
        "manifest.json", "index.json", "{\"architecture\":\"arm64\"",
        "{\"config\"", "one", "{\"manifests\"", "{\"architecture\":\"arm\"",
        "{\"config\"", "{\"architecture\":\"s390x\"", "{\"config\""
    };
    const size_t count = sizeof names / sizeof names[0];
    ocitar_rehearsal r;
    fixture f;
    bytes all;
    item it;
    size_t at = 0, i;

    start_second(&f, &r, PUT_ONLY);
    CHECK_CODE(play(&f, SAME), OCITAR_OK);
    all.data = f.out.data;
    all.len = f.out.len;
    for (i = 0; i < count; i++) {
        CHECK(tar_next(all, &at, &it));
        CHECK(i < 6 ? strcmp(it.name, names[i]) == 0
                    : it.size >= strlen(names[i]) &&
                          memcmp(it.body, names[i], strlen(names[i])) == 0);
    }
    CHECK_HAS(text_of(&f.out, "manifest.json"), "\"RepoTags\":[\"m:1\"]");
    CHECK_HAS(text_of(&f.out, "index.json"), NAMED("m", "1"));
    stop_whole(&f, (int)count);
}

/* How many entries of one archive are not in the other, byte for byte. */
static int lacking(const fixture *a, const fixture *b)
{
    bytes from, in;
    size_t at = 0, other;
    item it, found;
    int lack = 0, same;

    from.data = a->out.data;
    from.len = a->out.len;
    in.data = b->out.data;
    in.len = b->out.len;
    while (tar_next(from, &at, &it)) {
        for (other = 0, same = 0; !same && tar_next(in, &other, &found);)
            same = memcmp(found.head, it.head, 512) == 0 &&
                   memcmp(found.body, it.body, it.size) == 0;
        lack += !same;
    }
    return lack;
}

/* The same entries, whether the metadata comes first or not. */
static void test_nest_ahead_same_blobs(void)
{
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_image_desc d = image_desc(NULL, "arm64");
    ocitar_rehearsal r;
    fixture f, plain;

    start_second(&f, &r, PUT_ONLY);
    CHECK_CODE(play(&f, SAME), OCITAR_OK);
    memset(&plain, 0, sizeof plain);
    l.algorithms = OCITAR_SHA512;
    start_layout(&plain, &l, PUT_ONLY);
    CHECK_CODE(index_begin(&plain, POOL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&plain.image, &plain.index, &d), OCITAR_OK);
    CHECK_CODE(add_layer(&plain, "one"), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&plain.image), OCITAR_OK);
    CHECK_CODE(play_nest(&plain, SAME), OCITAR_OK);
    CHECK_CODE(finish(&plain), OCITAR_OK);
    CHECK(lacking(&f, &plain) == 0);
    CHECK(lacking(&plain, &f) == 0);
    CHECK(f.out.len == plain.out.len);
    stop_whole(&plain, 14);
    stop_whole(&f, 14);
}

static void test_nest_ahead_changes(void)
{
    ocitar_rehearsal r;
    fixture f;
    int how;

    for (how = SAME + 1; how < DIFFERENCES; how++) {
        start_second(&f, &r, PUT_ONLY);
        CHECK_CODE(play(&f, how), how == NO_UNNEST ? OCITAR_E_STATE
                                                   : OCITAR_E_CHANGED);
        CHECK_CODE(ocitar_archive_finish(&f.archive),
                   how == NO_UNNEST ? OCITAR_E_STATE : OCITAR_E_CHANGED);
        ocitar_index_abandon(&f.index); /* what is out promised too much */
        CHECK(ocitar_archive_finish(&f.archive) != OCITAR_OK);
        CHECK(count_of(&f.out) == -1);
        stop(&f);
    }
}

/* What a nested index holds is asked for again: its end finds it short. */
static void test_nest_ahead_short(void)
{
    ocitar_image_desc d = image_desc(NULL, "arm64");
    ocitar_nest_desc n = nest_desc("m:1");
    ocitar_rehearsal r;
    fixture f;

    start_second(&f, &r, PUT_ONLY);
    CHECK_CODE(index_begin(&f, POOL, 1), OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(add_layer(&f, "one"), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(ocitar_index_nest(&f.index, &n), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_E_CHANGED);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_E_CHANGED);
    stop(&f);
}

/* The pool may hold more than the first run said: that is none of its own. */
static void test_nest_ahead_beyond(void)
{
    ocitar_image_desc d = image_desc(NULL, "arm64");
    ocitar_nest_desc n = nest_desc("m:1");
    ocitar_rehearsal r;
    fixture f;

    start_second(&f, &r, PUT_ONLY);
    r.descriptors = 2; /* a layer and its image */
    CHECK_CODE(index_begin(&f, POOL, 1), OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(add_layer(&f, "one"), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(ocitar_index_nest(&f.index, &n), OCITAR_E_CHANGED);
    stop(&f);
}

/* An index that was added in the first run, and is nested in the second. */
static void test_nest_ahead_was_added(void)
{
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_rehearsal r = OCITAR_ZERO;
    ocitar_descriptor d;
    fixture f;

    memset(&f, 0, sizeof f);
    l.rehearsal = &r;
    start_layout(&f, &l, DRY);
    CHECK_CODE(index_begin(&f, POOL, 1), OCITAR_OK);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
    d = f.pool[0];
    CHECK_CODE(ocitar_index_add(&f.index, &d, NULL, 0), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    ocitar_rehearsal_play(&r);
    start_layout(&f, &l, PUT_ONLY);
    CHECK_CODE(index_begin(&f, POOL, 1), OCITAR_OK);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_E_CHANGED);
    stop(&f);
}

/* ---- a sink that fails at each of its calls ---- */

/* Everything of this file in one archive. */
static int add_everything(fixture *f)
{
    static const char *const more[] = { "y:b" };
    ocitar_descriptor manifest = descriptor_of(MANIFEST, "{ }"), layer;
    ocitar_image_desc d = image_desc("y:a", "arm64");
    int e = add_mixture(f);

    d.more_references = more;
    d.more_reference_count = 1;
    layer = descriptor_of(LAYER, "two");
    layer.diff_id = layer.digest;
    layer.data = "two";
    e = e != OCITAR_OK ? e : ocitar_blob_put(&f->layout, 0, "{ }", 3, NULL);
    e = e != OCITAR_OK ? e : ocitar_index_add(&f->index, &manifest, NULL, 0);
    e = e != OCITAR_OK ? e : ocitar_blob_put(&f->layout, 0, "two", 3, NULL);
    e = e != OCITAR_OK ? e : ocitar_image_begin(&f->image, &f->index, &d);
    e = e != OCITAR_OK ? e : ocitar_image_layer(&f->image, &layer);
    e = e != OCITAR_OK ? e : ocitar_image_end(&f->image);
    return e != OCITAR_OK ? e : finish(f);
}

static int sink_fails_at(int n, int ahead)
{
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_rehearsal r;
    fixture f;
    int e, failed;

    memset(&f, 0, sizeof f);
    memset(&r, 0, sizeof r);
    if (ahead) {
        l.rehearsal = &r;
        start_layout(&f, &l, DRY);
        e = index_begin(&f, POOL, 1);
        CHECK_CODE(e != OCITAR_OK ? e : add_everything(&f), OCITAR_OK);
        ocitar_rehearsal_play(&r);
    }
    start_layout(&f, &l, PUT_ONLY);
    f.out.fail_at = n;
    f.out.code = 28;
    e = index_begin(&f, POOL, ahead);
    e = e != OCITAR_OK ? e : add_everything(&f);
    failed = e != OCITAR_OK;
    if (failed) {
        CHECK_CODE(e, OCITAR_E_SINK);
        CHECK(ocitar_archive_error(&f.archive)->user_code == 28);
        CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_SINK);
        ocitar_image_abandon(&f.image);
        ocitar_index_abandon(&f.index);
        CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_SINK);
        CHECK(f.out.len == 0 || count_of(&f.out) == -1);
    } else {
        CHECK(count_of(&f.out) == MIXTURE + 4);
    }
    stop(&f);
    return failed;
}

static void test_sink_fails(void)
{
    int n, ahead;

    for (ahead = 0; ahead < 2; ahead++) {
        for (n = 1; sink_fails_at(n, ahead); n++)
            ;
        CHECK(n > 2 * MIXTURE);
    }
}

/* ---- manifests and indexes that come as they are ---- */

static ocitar_descriptor put_raw(fixture *f, const char *media_type,
                                 const char *text)
{
    CHECK_CODE(ocitar_blob_put(&f->layout, 0, text, strlen(text), NULL),
               OCITAR_OK);
    return descriptor_of(media_type, text);
}

static void test_add(void)
{
    paper index = { "{\"manifests\":[" };
    ocitar_descriptor d;
    fixture f;

    start_capacity(&f, 1);
    d = put_raw(&f, MANIFEST, RAW);
    d.reference = "x:a";
    d.platform.architecture = "arm64";
    d.platform.os = "linux";
    CHECK_CODE(ocitar_index_add(&f.index, &d, NULL, 0), OCITAR_OK);
    memset(&d, 0xEE, sizeof d); /* the descriptor was copied */
    CHECK_CODE(finish(&f), OCITAR_OK);
    CHECK(has_blob(&f, RAW));
    put_descriptor(&index, NAMED("x", "a"), RAW, MANIFEST, "arm64");
    put_index_end(&index, INDEX);
    CHECK_TEXT(text_of(&f.out, "index.json"), index.text);
    CHECK_TEXT(text_of(&f.out, "manifest.json"), "[]");
    stop_whole(&f, 2 + 1 + 3);
}

/* Everything else that a descriptor can say. */
static void test_add_descriptor(void)
{
    static const char *const more[] = { "y:b" };
    static const ocitar_pair notes[] = { { "zz", "1", 0, 0 },
                                         { "aa", "2", 0, 0 } };
    ocitar_descriptor d;
    char want[1024];
    fixture f;

    start(&f);
    d = put_raw(&f, INDEX, "{}");
    d.artifact_type = "application/x.thing";
    d.annotations = notes;
    d.annotation_count = 2;
    d.reference = "x:a";
    d.more_references = more;
    d.more_reference_count = 1;
    d.data = "{}";
    CHECK_CODE(ocitar_index_add(&f.index, &d, NULL, 0), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    snprintf(want, sizeof want,
             "{\"annotations\":{\"aa\":\"2\",\"io.containerd.image.name\":"
             "\"y:b\",\"org.opencontainers.image.ref.name\":\"b\",\"zz\":"
             "\"1\"},\"artifactType\":\"application/x.thing\",\"data\":"
             "\"e30=\",\"digest\":\"%s\",\"mediaType\":\"" INDEX
             "\",\"size\":2}]", digest_text("{}"));
    CHECK_HAS(text_of(&f.out, "index.json"), want);
    CHECK_HAS(text_of(&f.out, "index.json"), "\"x:a\"");
    stop_whole(&f, 2 + 1 + 3);
}

/* With the config's digest docker's manifest.json has it, too. */
static void test_add_for_docker(void)
{
    ocitar_descriptor d, layers[2];
    char want[1024];
    fixture f;

    memset(layers, 0, sizeof layers);
    start_capacity(&f, 4);
    d = put_raw(&f, MANIFEST, RAW);
    d.reference = "x";
    d.diff_id = put_raw(&f, NULL, "config").digest;
    layers[0].digest = put_raw(&f, NULL, "lower").digest;
    layers[1].digest = put_raw(&f, NULL, "upper").digest;
    CHECK_CODE(ocitar_index_add(&f.index, &d, layers, 2), OCITAR_OK);
    memset(layers, 0xEE, sizeof layers);
    d = put_raw(&f, MANIFEST, "{}");
    d.diff_id = descriptor_of(NULL, "config").digest;
    CHECK_CODE(ocitar_index_add(&f.index, &d, NULL, 0), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    snprintf(want, sizeof want,
             "[{\"Config\":\"%s\",\"Layers\":[\"%s\",\"%s\"],"
             "\"RepoTags\":[\"x:latest\"]},{\"Config\":\"%s\",\"Layers\":[],"
             "\"RepoTags\":[]}]", path_text("config"), path_text("lower"),
             path_text("upper"), path_text("config"));
    CHECK_TEXT(text_of(&f.out, "manifest.json"), want);
    CHECK(strstr(text_of(&f.out, "index.json"), digest_text("lower")) == NULL);
    CHECK_HAS(text_of(&f.out, "index.json"), digest_text(RAW));
    stop_whole(&f, 2 + 5 + 3);
}

/* It stands in the nested index that is open, and may get its name. */
static void test_add_nested(void)
{
    ocitar_nest_desc n = nest_desc("m:1");
    paper nested = { "{\"manifests\":[" };
    ocitar_descriptor d, layer = OCITAR_ZERO;
    fixture f;

    start(&f);
    d = put_raw(&f, MANIFEST, RAW);
    d.diff_id = put_raw(&f, NULL, "config").digest;
    layer.digest = put_raw(&f, NULL, "layer").digest;
    CHECK_CODE(ocitar_index_nest(&f.index, &n), OCITAR_OK);
    CHECK_CODE(ocitar_index_add(&f.index, &d, &layer, 1), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    put_descriptor(&nested, "", RAW, MANIFEST, NULL);
    put_index_end(&nested, INDEX);
    CHECK(has_blob(&f, nested.text));
    CHECK_HAS(text_of(&f.out, "manifest.json"), "\"RepoTags\":[\"m:1\"]");
    stop_whole(&f, 2 + 3 + 1 + 3);
}

static void add_refused(const ocitar_descriptor *d,
                        const ocitar_descriptor *layers, size_t count,
                        int code)
{
    fixture f;

    start_capacity(&f, 3);
    CHECK_CODE(ocitar_index_add(&f.index, d, layers, count), code);
    CHECK_CODE(ocitar_index_end(&f.index), code);
    CHECK(ocitar_archive_error(&f.archive)->subject != NULL);
    stop_abandoned(&f);
}

static void test_add_refused(void)
{
    static const char *const more[] = { "y:b", NULL, "y:c@sha256:" HEX64 };
    const ocitar_descriptor good = descriptor_of(MANIFEST, RAW);
    ocitar_descriptor d = good, layers[3];

    memset(layers, 0, sizeof layers);
    layers[0].digest = layers[1].digest = layers[2].digest = good.digest;
    add_refused(NULL, NULL, 0, OCITAR_E_ARG);
    add_refused(&good, NULL, 1, OCITAR_E_ARG);
    add_refused(&good, layers, 3, OCITAR_E_LIMIT);
    add_refused(&good, layers, SIZE_MAX, OCITAR_E_LIMIT);
    d.media_type = NULL;
    add_refused(&d, NULL, 0, OCITAR_E_ARG);
    d.media_type = "json";
    add_refused(&d, NULL, 0, OCITAR_E_ARG);
    d = good;
    d.digest.algorithm = 0;
    add_refused(&d, NULL, 0, OCITAR_E_ARG);
    d.digest.algorithm = 8;
    add_refused(&d, NULL, 0, OCITAR_E_ARG);
    d = good;
    d.reference = "A";
    add_refused(&d, NULL, 0, OCITAR_E_ARG);
    d.reference = "a@sha256:" HEX64;
    add_refused(&d, NULL, 0, OCITAR_E_ARG);
    d.reference = NULL;
    d.more_references = more;
    d.more_reference_count = 1; /* more than none */
    add_refused(&d, NULL, 0, OCITAR_E_ARG);
    d.reference = "x:a";
    d.more_reference_count = 2;
    add_refused(&d, NULL, 0, OCITAR_E_ARG);
    d.more_references = more + 2;
    d.more_reference_count = 1;
    add_refused(&d, NULL, 0, OCITAR_E_ARG);
    d.more_references = NULL;
    add_refused(&d, NULL, 0, OCITAR_E_ARG);
    d = good;
    d.data = RAW;
    d.size--;
    add_refused(&d, NULL, 0, OCITAR_E_DIGEST);
    d.size = OCITAR_DATA_MAX + 1;
    add_refused(&d, NULL, 0, OCITAR_E_LIMIT);
}

static void test_add_states(void)
{
    const ocitar_descriptor d = descriptor_of(MANIFEST, RAW);
    ocitar_image_desc i = image_desc(NULL, "arm64");
    ocitar_index index;
    fixture f;

    memset(&index, 0, sizeof index);
    CHECK_CODE(ocitar_index_add(NULL, &d, NULL, 0), OCITAR_E_ARG);
    CHECK_CODE(ocitar_index_add(&index, &d, NULL, 0), OCITAR_E_STATE);
    start(&f);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &i), OCITAR_OK);
    CHECK_CODE(ocitar_index_add(&f.index, &d, NULL, 0), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(ocitar_index_add(&f.index, &d, NULL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_OK);
    CHECK_CODE(ocitar_index_add(&f.index, &d, NULL, 0), OCITAR_E_STATE);
    stop_whole(&f, 2 + 2 + 3);
}

/* Slots: 1 + layer_count, exactly. */
static void test_add_pool(void)
{
    const ocitar_descriptor d = descriptor_of(MANIFEST, RAW);
    ocitar_descriptor layers[2];
    fixture f;

    layers[0] = layers[1] = d;
    start_capacity(&f, 3);
    CHECK_CODE(ocitar_index_add(&f.index, &d, layers, 2), OCITAR_OK);
    CHECK_CODE(ocitar_index_add(&f.index, &d, NULL, 0), OCITAR_E_LIMIT);
    stop_abandoned(&f);
    start_capacity(&f, 0);
    CHECK_CODE(ocitar_index_add(&f.index, &d, NULL, 0), OCITAR_E_LIMIT);
    stop_abandoned(&f);
}

/* As every error of the index, until it is given up. */
static int play_add(fixture *f, const char *manifest, const char *layer,
                    const char *second)
{
    ocitar_descriptor d, l = OCITAR_ZERO;
    int e = index_begin(f, POOL, 1);

    d = put_raw(f, MANIFEST, manifest);
    l.digest = put_raw(f, NULL, layer).digest;
    d.diff_id = put_raw(f, NULL, "config").digest;
    e = e != OCITAR_OK ? e : ocitar_index_add(&f->index, &d, &l, 1);
    if (e == OCITAR_OK && second != NULL) {
        d = put_raw(f, MANIFEST, second);
        e = ocitar_index_add(&f->index, &d, NULL, 0);
    }
    return e != OCITAR_OK ? e : finish(f);
}

static void start_add_ahead(fixture *f, ocitar_rehearsal *r)
{
    ocitar_layout_desc l = OCITAR_ZERO;

    memset(f, 0, sizeof *f);
    memset(r, 0, sizeof *r);
    l.rehearsal = r;
    start_layout(f, &l, DRY);
    CHECK_CODE(play_add(f, RAW, "layer", "{}"), OCITAR_OK);
    ocitar_rehearsal_play(r);
    start_layout(f, &l, PUT_ONLY);
}

static void test_add_ahead(void)
{
    static const char *const others[][3] = { { "{ }", "layer", "{}" },
                                             { RAW, "LAYER", "{}" },
                                             { RAW, "layer", "[]" },
                                             { RAW, "layer", NULL } };
    ocitar_rehearsal r;
    fixture f;
    item it;
    bytes all;
    size_t at = 0, i;

    start_add_ahead(&f, &r);
    CHECK_CODE(play_add(&f, RAW, "layer", "{}"), OCITAR_OK);
    all.data = f.out.data;
    all.len = f.out.len;
    for (i = 0; i < 6; i++)
        CHECK(tar_next(all, &at, &it));
    CHECK(memcmp(it.body, RAW, sizeof RAW - 1) == 0);
    CHECK_HAS(text_of(&f.out, "index.json"), digest_text("{}"));
    CHECK_HAS(text_of(&f.out, "manifest.json"), path_text("layer"));
    stop_whole(&f, 2 + 3 + 4);
    for (i = 0; i < sizeof others / sizeof others[0]; i++) {
        start_add_ahead(&f, &r);
        CHECK_CODE(play_add(&f, others[i][0], others[i][1], others[i][2]),
                   OCITAR_E_CHANGED);
        CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_CHANGED);
        CHECK(count_of(&f.out) == -1);
        stop(&f);
    }
}

/* More than in the first run, and an image in the place of a manifest. */
static void test_add_ahead_more(void)
{
    const ocitar_descriptor d = descriptor_of(MANIFEST, RAW);
    const ocitar_descriptor layer = descriptor_of(LAYER, "layer");
    ocitar_rehearsal r;
    fixture f;

    start_add_ahead(&f, &r);
    CHECK_CODE(index_begin(&f, POOL, 1), OCITAR_OK);
    CHECK_CODE(add_image(&f, NULL, "arm64"), OCITAR_E_CHANGED);
    stop(&f);
    start_add_ahead(&f, &r);
    r.descriptors = 0;
    CHECK_CODE(index_begin(&f, POOL, 1), OCITAR_OK);
    CHECK_CODE(ocitar_index_add(&f.index, &d, &layer, 1), OCITAR_E_CHANGED);
    stop(&f);
}

/* What was a manifest cannot be a layer in the second run. */
static void test_add_ahead_kinds(void)
{
    const ocitar_descriptor a = descriptor_of(MANIFEST, "a");
    const ocitar_descriptor b = descriptor_of(MANIFEST, "b");
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_rehearsal r = OCITAR_ZERO;
    fixture f;

    memset(&f, 0, sizeof f);
    l.rehearsal = &r;
    start_layout(&f, &l, DRY);
    CHECK_CODE(index_begin(&f, POOL, 1), OCITAR_OK);
    CHECK_CODE(ocitar_index_add(&f.index, &a, NULL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_index_add(&f.index, &b, NULL, 0), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    ocitar_rehearsal_play(&r);
    start_layout(&f, &l, PUT_ONLY);
    CHECK_CODE(index_begin(&f, POOL, 1), OCITAR_OK);
    CHECK_CODE(ocitar_index_add(&f.index, &b, &a, 1), OCITAR_E_CHANGED);
    stop(&f);
}

/* ---- several names ---- */

static const char *const three_names[] = { "x:b", "y/z", "x:c" };

static void test_names(void)
{
    ocitar_image_desc d = image_desc("x:a", "arm64");
    paper index = { "{\"manifests\":[" }, docker = { "[" };
    fixture f;

    d.more_references = three_names;
    d.more_reference_count = 3;
    start_capacity(&f, 1);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    put_image(&index, NAMED("x", "a"), "arm64");
    put(&index, ",");
    put_image(&index, NAMED("x", "b"), "arm64");
    put(&index, ",");
    put_image(&index, NAMED("y/z", "latest"), "arm64");
    put(&index, ",");
    put_image(&index, NAMED("x", "c"), "arm64");
    put_index_end(&index, INDEX);
    CHECK_TEXT(text_of(&f.out, "index.json"), index.text);
    put_docker(&docker, "arm64",
               "\"x:a\",\"x:b\",\"y/z:latest\",\"x:c\"");
    put(&docker, "]");
    CHECK_TEXT(text_of(&f.out, "manifest.json"), docker.text);
    stop_whole(&f, 2 + 2 + 3);
}

static void names_refused(const char *reference, const char *const *more,
                          size_t count)
{
    ocitar_image_desc d = image_desc(reference, "arm64");
    fixture f;

    d.more_references = more;
    d.more_reference_count = count;
    start(&f);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_E_ARG);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_E_ARG);
    stop_abandoned(&f);
}

static void test_names_refused(void)
{
    static const char *const bad[] = { "x:b", "", NULL, "A",
                                       "a@sha256:" HEX64 };
    static const char *many_names[65536];
    size_t i;

    for (i = 0; i < 65536; i++)
        many_names[i] = "x:b";
    names_refused("x:a", many_names, 65536);
    names_refused(NULL, bad, 1);
    names_refused("x:a", NULL, 1);
    for (i = 1; i < sizeof bad / sizeof bad[0]; i++)
        names_refused("x:a", bad + i, 1);
    names_refused("x:a", bad, 2);
}

/* A layer has no names, whatever its descriptor says. */
static void test_names_of_layers(void)
{
    ocitar_image_desc d = image_desc(NULL, "arm64");
    ocitar_descriptor layer;
    fixture f;

    start(&f);
    layer = put_raw(&f, LAYER, "one");
    layer.diff_id = layer.digest;
    layer.reference = "x:a";
    layer.more_references = three_names;
    layer.more_reference_count = 3;
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_layer(&f.image, &layer), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    CHECK_HAS(blob_of(&f.out, &ocitar_image_descriptor(&f.image)->digest),
              "\"layers\":[{\"digest\":");
    CHECK_HAS(blob_of(&f.out, &ocitar_image_descriptor(&f.image)->digest),
              "\"size\":3}],\"mediaType\"");
    stop_whole(&f, 2 + 3 + 3);
}

/* ---- docker's media types ---- */

static const char *const types[][2] = {
    { MANIFEST, DOCKER "distribution.manifest.v2+json" },
    { INDEX, LIST },
    { OCI "config.v1+json", DOCKER "container.image.v1+json" },
    { LAYER, DOCKER "image.rootfs.diff.tar" },
    { LAYER "+gzip", DOCKER "image.rootfs.diff.tar.gzip" },
    { LAYER "+zstd", DOCKER "image.rootfs.diff.tar.zstd" },
    { OCI "layer.nondistributable.v1.tar",
      DOCKER "image.rootfs.foreign.diff.tar" },
    { OCI "layer.nondistributable.v1.tar+gzip",
      DOCKER "image.rootfs.foreign.diff.tar.gzip" }
};

enum { TYPES_COUNT = sizeof types / sizeof types[0], FIRST_LAYER_TYPE = 3 };

static void test_media_types(void)
{
    static const char *const unknown[] = {
        "", "application/x", LAYER "+xz", OCI "manifest.v1+jso",
        OCI "manifest.v1+jsonn", OCI "layer.nondistributable.v1.tar+zstd",
        "application/vnd.oci.empty.v1+json"
    };
    size_t i;

    for (i = 0; i < TYPES_COUNT; i++) {
        CHECK_TEXT(ocitar_media_type_docker(types[i][0]), types[i][1]);
        CHECK_TEXT(ocitar_media_type_oci(types[i][1]), types[i][0]);
        CHECK(ocitar_media_type_docker(types[i][1]) == types[i][1]);
        CHECK(ocitar_media_type_oci(types[i][0]) == types[i][0]);
    }
    for (i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        CHECK(ocitar_media_type_docker(unknown[i]) == unknown[i]);
        CHECK(ocitar_media_type_oci(unknown[i]) == unknown[i]);
    }
    CHECK(ocitar_media_type_docker(NULL) == NULL);
    CHECK(ocitar_media_type_oci(NULL) == NULL);
}

/* An image with a layer of every type of both families, and of an unknown
   one; its manifest. */
static const char *manifest_of_all(fixture *f, int docker_types)
{
    ocitar_image_desc d = image_desc("x:a", "arm64");
    ocitar_descriptor layer;
    size_t i, family;

    d.docker_types = (uint8_t)docker_types;
    start(f);
    layer = put_raw(f, "application/x.unknown", "one");
    layer.diff_id = layer.digest;
    CHECK_CODE(ocitar_image_begin(&f->image, &f->index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_layer(&f->image, &layer), OCITAR_OK);
    for (i = FIRST_LAYER_TYPE; i < TYPES_COUNT; i++)
        for (family = 0; family < 2; family++) {
            layer.media_type = types[i][family];
            CHECK_CODE(ocitar_image_layer(&f->image, &layer), OCITAR_OK);
        }
    CHECK_CODE(ocitar_image_end(&f->image), OCITAR_OK);
    CHECK_CODE(finish(f), OCITAR_OK);
    return blob_of(&f->out, &ocitar_image_descriptor(&f->image)->digest);
}

static void types_are(int family)
{
    paper want = { "\"layers\":[" };
    char config[512];
    const char *manifest;
    size_t i;
    fixture f;

    manifest = manifest_of_all(&f, family);
    put_descriptor(&want, "", "one", "application/x.unknown", NULL);
    for (i = FIRST_LAYER_TYPE; i < TYPES_COUNT; i++) {
        put(&want, ",");
        put_descriptor(&want, "", "one", types[i][family], NULL);
        put(&want, ",");
        put_descriptor(&want, "", "one", types[i][family], NULL);
    }
    put(&want, "],\"mediaType\":\"");
    put(&want, types[0][family]);
    put(&want, "\",\"schemaVersion\":2}");
    CHECK_HAS(manifest, want.text);
    snprintf(config, sizeof config, "\"mediaType\":\"%s\",\"size\":",
             types[2][family]);
    CHECK_HAS(manifest, config);
    snprintf(config, sizeof config, "\"mediaType\":\"%s\",\"platform\":",
             types[0][family]);
    CHECK_HAS(text_of(&f.out, "index.json"), config);
    CHECK_TEXT(ocitar_image_descriptor(&f.image)->media_type,
               types[0][family]);
    CHECK_HAS(text_of(&f.out, "index.json"), "],\"mediaType\":\"" INDEX "\"");
    stop_whole(&f, 2 + 3 + 3);
}

static void test_docker_types(void)
{
    types_are(0);
    types_are(1);
}

/* Docker's manifests have no place for these. */
static void test_docker_types_refused(void)
{
    const ocitar_descriptor subject = descriptor_of(MANIFEST, RAW);
    ocitar_image_desc d[3];
    fixture f;
    int i;

    for (i = 0; i < 3; i++) {
        d[i] = image_desc(NULL, "arm64");
        d[i].docker_types = 1;
    }
    d[0].artifact_type = "application/x";
    d[1].subject = &subject;
    d[2].annotations = nest_notes;
    d[2].annotation_count = 1;
    for (i = 0; i < 3; i++) {
        start(&f);
        CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d[i]),
                   OCITAR_E_ARG);
        stop_abandoned(&f);
    }
}

/* A config that comes as it is may have a type of its own, or docker's. */
static void test_docker_types_config(void)
{
    ocitar_image_desc d = image_desc(NULL, "arm64");
    fixture f;
    int i;

    d.docker_types = 1;
    d.config = "{}";
    d.config_len = 2;
    for (i = 0; i < 2; i++) {
        start(&f);
        d.config_media_type = i == 0 ? NULL : "application/x.config";
        CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
        CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
        CHECK_CODE(finish(&f), OCITAR_OK);
        CHECK_HAS(blob_of(&f.out,
                          &ocitar_image_descriptor(&f.image)->digest),
                  i == 0 ? "\"mediaType\":\"" DOCKER "container.image.v1+json"
                         : "\"mediaType\":\"application/x.config\"");
        stop_whole(&f, 2 + 2 + 3);
    }
}

/* ---- content in the descriptor ---- */

/* The manifest of an image whose one layer carries its content; what adding
   the layer returned. */
static int layer_with_data(fixture *f, const void *data, size_t size,
                           uint8_t algorithm)
{
    ocitar_image_desc d = image_desc(NULL, "arm64");
    ocitar_descriptor layer = OCITAR_ZERO;

    start(f);
    layer.media_type = "application/x";
    layer.data = data;
    layer.size = size;
    CHECK_CODE(ocitar_digest_of(&layer.digest, algorithm, data, size),
               OCITAR_OK);
    layer.diff_id = layer.digest;
    CHECK_CODE(ocitar_image_begin(&f->image, &f->index, &d), OCITAR_OK);
    return ocitar_image_layer(&f->image, &layer);
}

static const char *manifest_of_data(fixture *f, const void *data, size_t size)
{
    CHECK_CODE(layer_with_data(f, data, size, OCITAR_SHA256), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f->image), OCITAR_OK);
    CHECK_CODE(finish(f), OCITAR_OK);
    return blob_of(&f->out, &ocitar_image_descriptor(&f->image)->digest);
}

/* The first of them are those of RFC 4648, 10. */
static void test_data_lengths(void)
{
    static const char *const want[] = {
        "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy",
        "Zm9vYmFyPw==", "Zm9vYmFyPz4=", "Zm9vYmFyPz5+", "Zm9vYmFyPz5+fw=="
    };
    char text[64];
    fixture f;
    size_t i;

    for (i = 0; i < sizeof want / sizeof want[0]; i++) {
        snprintf(text, sizeof text, "{\"data\":\"%s\",\"digest\":\"", want[i]);
        CHECK_HAS(manifest_of_data(&f, "foobar?>~\x7F", i), text);
        stop_whole(&f, 2 + 2 + 3);
    }
}

static int base64_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = c == 0 ? NULL : strchr(digits, c);

    return p == NULL ? -1 : (int)(p - digits);
}

/* Decodes what stands in "data"; the number of bytes, or -1. */
static int base64_decode(const char *manifest, unsigned char *out)
{
    const char *p = strstr(manifest, "\"data\":\"");
    unsigned bits = 0, held = 0;
    int n = 0, v;

    if (p == NULL)
        return -1;
    for (p += 8; (v = base64_value(*p)) >= 0; p++) {
        bits = (bits << 6 | (unsigned)v) & 0xFFF;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[n++] = (unsigned char)(bits >> held & 0xFF);
        }
    }
    while (*p == '=')
        p++;
    return *p == '"' ? n : -1;
}

static unsigned char many[OCITAR_DATA_MAX + 1];

static void many_fill(void)
{
    size_t i;

    for (i = 0; i < sizeof many; i++)
        many[i] = (unsigned char)(i + i / 256 * 5);
}

/* Every byte value, in each of the three places of a group. */
static void test_data_bytes(void)
{
    unsigned char back[OCITAR_DATA_MAX + 3];
    const char *manifest;
    size_t i;
    fixture f;

    for (i = 0; i < 3; i++) {
        manifest = manifest_of_data(&f, many + i, 256);
        CHECK(base64_decode(manifest, back) == 256);
        CHECK(memcmp(back, many + i, 256) == 0);
        stop_whole(&f, 2 + 2 + 3);
    }
    manifest = manifest_of_data(&f, many, OCITAR_DATA_MAX);
    CHECK(base64_decode(manifest, back) == OCITAR_DATA_MAX);
    CHECK(memcmp(back, many, OCITAR_DATA_MAX) == 0);
    stop_whole(&f, 2 + 2 + 3);
}

static void test_data_refused(void)
{
    ocitar_image_desc d = image_desc(NULL, "arm64");
    ocitar_descriptor layer;
    fixture f;
    int i;

    CHECK_CODE(layer_with_data(&f, many, OCITAR_DATA_MAX + 1, OCITAR_SHA256),
               OCITAR_E_LIMIT);
    CHECK(strcmp(ocitar_archive_error(&f.archive)->subject,
                 "image layer: data") == 0);
    stop_abandoned(&f);
    CHECK_CODE(layer_with_data(&f, "abc", 3, OCITAR_SHA512), OCITAR_OK);
    stop_abandoned(&f);
    for (i = 0; i < 3; i++) {
        layer = descriptor_of("application/x", "abc");
        layer.diff_id = layer.digest;
        layer.data = i == 0 ? "abd" : "abcd";
        layer.size = (uint64_t)(i == 2 ? 2 : i == 1 ? 4 : 3);
        start(&f);
        CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
        CHECK_CODE(ocitar_image_layer(&f.image, &layer), OCITAR_E_DIGEST);
        CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_DIGEST);
        stop_abandoned(&f);
    }
}

/* ---- chain IDs ---- */

/* `printf 'sha256:... sha256:...' | sha256sum` over the digests of "abc" (A),
   of nothing (B), and "abc" again, then the SHA-512 of "abc" (C). */
#define CHAIN_AB                                                              \
    "sha256:dd8ddd90bdf3ccbd91abd3f399218c9d93e91246734fab743933f42048ac3e2c"
#define CHAIN_ABA                                                             \
    "sha256:8e9c277940fe142021d5811c9b85cc258bdc32d33c6adea713521839f5d43c85"
#define CHAIN_ABAC                                                            \
    "sha256:e031928555078b9d0c15dc9ecaced22ae4dd19ff9e64e2e32bbe4065536e1433"
#define CHAIN_CA                                                              \
    "sha256:483a211ce55974dba3835ae9ade5a9530c56070a73cee90b0b7a595be14a1ab1"

static int digest_is(const ocitar_digest *d, const char *want)
{
    char text[OCITAR_DIGEST_TEXT_MAX];

    ocitar_digest_format(d, text);
    return strcmp(text, want) == 0;
}

static void test_chain_id(void)
{
    const ocitar_digest a = descriptor_of(NULL, "abc").digest;
    const ocitar_digest b = descriptor_of(NULL, "").digest;
    ocitar_digest c, none = OCITAR_ZERO, chain;

    CHECK_CODE(ocitar_digest_of(&c, OCITAR_SHA512, "abc", 3), OCITAR_OK);
    CHECK_CODE(ocitar_chain_id(&chain, NULL, &a), OCITAR_OK);
    CHECK(ocitar_digest_equal(&chain, &a));
    CHECK_CODE(ocitar_chain_id(&chain, &none, &c), OCITAR_OK);
    CHECK(ocitar_digest_equal(&chain, &c));
    CHECK_CODE(ocitar_chain_id(&chain, &a, &b), OCITAR_OK);
    CHECK(digest_is(&chain, CHAIN_AB));
    CHECK_CODE(ocitar_chain_id(&chain, &chain, &a), OCITAR_OK);
    CHECK(digest_is(&chain, CHAIN_ABA)); /* `out` was `below` */
    CHECK_CODE(ocitar_chain_id(&chain, &chain, &c), OCITAR_OK);
    CHECK(digest_is(&chain, CHAIN_ABAC));
    chain = b;
    CHECK_CODE(ocitar_chain_id(&chain, &a, &chain), OCITAR_OK);
    CHECK(digest_is(&chain, CHAIN_AB)); /* `out` was `diff_id` */
    CHECK_CODE(ocitar_chain_id(&chain, &c, &a), OCITAR_OK);
    CHECK(digest_is(&chain, CHAIN_CA));
    CHECK_CODE(ocitar_chain_id(NULL, &a, &b), OCITAR_E_ARG);
    CHECK_CODE(ocitar_chain_id(&chain, &a, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_chain_id(&chain, &a, &none), OCITAR_E_ARG);
    none.algorithm = 8;
    CHECK_CODE(ocitar_chain_id(&chain, &a, &none), OCITAR_E_ARG);
    CHECK(digest_is(&chain, CHAIN_CA)); /* left alone */
}

static void chain_is(const fixture *f, const char *want)
{
    ocitar_digest chain;

    CHECK_CODE(ocitar_image_chain_id(&f->image, &chain), OCITAR_OK);
    CHECK(digest_is(&chain, want));
}

static void test_image_chain_id(void)
{
    ocitar_image_desc d = image_desc(NULL, "arm64");
    ocitar_descriptor layer;
    ocitar_digest chain;
    fixture f;

    memset(&f, 0, sizeof f);
    CHECK_CODE(ocitar_image_chain_id(&f.image, &chain), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_chain_id(NULL, &chain), OCITAR_E_ARG);
    CHECK_CODE(ocitar_image_chain_id(&f.image, NULL), OCITAR_E_ARG);
    start(&f);
    CHECK_CODE(add_image(&f, "x:a", "arm64"), OCITAR_OK); /* slots differ */
    CHECK_CODE(ocitar_image_chain_id(&f.image, &chain), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_chain_id(&f.image, &chain), OCITAR_E_STATE);
    CHECK_CODE(add_layer(&f, "abc"), OCITAR_OK);
    chain_is(&f, digest_text("abc"));
    CHECK_CODE(add_layer(&f, ""), OCITAR_OK);
    chain_is(&f, CHAIN_AB);
    layer = descriptor_of(LAYER, "gzip");
    layer.diff_id = descriptor_of(NULL, "abc").digest;
    CHECK_CODE(ocitar_image_layer(&f.image, &layer), OCITAR_OK);
    chain_is(&f, CHAIN_ABA);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    chain_is(&f, CHAIN_ABA);
    CHECK_CODE(finish(&f), OCITAR_OK);
    chain_is(&f, CHAIN_ABA);
    stop(&f);
}

/* An artifact's layers have none; an image that was given up has none. */
static void test_image_chain_id_of_none(void)
{
    ocitar_image_desc d = image_desc(NULL, NULL);
    ocitar_descriptor layer = descriptor_of("text/plain", "abc");
    ocitar_digest chain;
    ocitar_image gone;
    fixture f;

    start(&f);
    d.artifact_type = "application/x";
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_layer(&f.image, &layer), OCITAR_OK);
    CHECK_CODE(ocitar_image_chain_id(&f.image, &chain), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_abandon(&f.image), OCITAR_OK);
    CHECK_CODE(ocitar_image_chain_id(&f.image, &chain), OCITAR_E_STATE);
    gone = f.image;
    d = image_desc(NULL, "arm64");
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(add_layer(&f, "one"), OCITAR_OK);
    CHECK_CODE(ocitar_image_chain_id(&gone, &chain), OCITAR_E_STATE);
    chain_is(&f, digest_text("one"));
    stop_abandoned(&f);
}

/* ---- machines ---- */

static void test_uname(void)
{
    static const char *const names[][3] = {
        { "x86_64", "amd64", NULL }, { "amd64", "amd64", NULL },
        { "i386", "386", NULL }, { "i486", "386", NULL },
        { "i586", "386", NULL }, { "i686", "386", NULL },
        { "386", "386", NULL }, { "aarch64", "arm64", NULL },
        { "arm64", "arm64", NULL }, { "armv5tel", "arm", "v5" },
        { "armv5tejl", "arm", "v5" }, { "armv6l", "arm", "v6" },
        { "armv7l", "arm", "v7" }, { "armv8l", "arm", "v8" },
        { "arm", "arm", NULL }, { "riscv64", "riscv64", NULL },
        { "s390x", "s390x", NULL }, { "ppc64le", "ppc64le", NULL },
        { "ppc64", "ppc64", NULL }, { "mips", "mips", NULL },
        { "mipsel", "mipsle", NULL }, { "mipsle", "mipsle", NULL },
        { "mips64", "mips64", NULL }, { "mips64el", "mips64le", NULL },
        { "mips64le", "mips64le", NULL }, { "loongarch64", "loong64", NULL },
        { "loong64", "loong64", NULL }, { "wasm", "wasm", NULL }
    };
    static const char *const unknown[] = { "x86", "X86_64", "amd", "amd64 ",
                                           "armv7", "sparc", "v7", "i786" };
    ocitar_platform p = OCITAR_ZERO;
    size_t i;

    p.os = "plan9";
    p.os_version = "1";
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        p.variant = "old";
        CHECK_CODE(ocitar_platform_uname(&p, names[i][0]), OCITAR_OK);
        CHECK(strcmp(p.architecture, names[i][1]) == 0);
        CHECK(names[i][2] == NULL ? p.variant == NULL
                                  : strcmp(p.variant, names[i][2]) == 0);
    }
    for (i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        CHECK_CODE(ocitar_platform_uname(&p, unknown[i]),
                   OCITAR_E_UNSUPPORTED);
    CHECK_CODE(ocitar_platform_uname(&p, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_platform_uname(&p, ""), OCITAR_E_ARG);
    CHECK_CODE(ocitar_platform_uname(NULL, "x86_64"), OCITAR_E_ARG);
    CHECK(strcmp(p.architecture, "wasm") == 0 && p.variant == NULL);
    CHECK(strcmp(p.os, "plan9") == 0 && strcmp(p.os_version, "1") == 0);
}

/* What it says gets into config and index. */
static void test_uname_used(void)
{
    ocitar_image_desc d = image_desc(NULL, NULL);
    fixture f;

    CHECK_CODE(ocitar_platform_uname(&d.platform, "armv7l"), OCITAR_OK);
    start(&f);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    CHECK_HAS(text_of(&f.out, "index.json"),
              "\"platform\":{\"architecture\":\"arm\",\"os\":\"linux\","
              "\"variant\":\"v7\"}");
    CHECK_HAS(blob_of(&f.out, &ocitar_image_descriptor(&f.image)->diff_id),
              "\"type\":\"layers\"},\"variant\":\"v7\"}");
    stop_whole(&f, 2 + 2 + 3);
}

/* ---- blobs that are assumed in a dry run ---- */

/* An image with a layer of 3000 bytes and a manifest that came as it is;
   `real`: their bytes are there. */
static int add_assumed(fixture *f, int real)
{
    ocitar_image_desc d = image_desc("x:a", "arm64");
    ocitar_descriptor layer = OCITAR_ZERO;
    ocitar_descriptor raw = descriptor_of(MANIFEST, RAW);
    int e;

    layer.media_type = LAYER;
    layer.size = 3000;
    CHECK_CODE(ocitar_digest_of(&layer.digest, OCITAR_SHA256, many, 3000),
               OCITAR_OK);
    layer.diff_id = layer.digest;
    e = real ? ocitar_blob_put(&f->layout, 0, many, 3000, NULL)
             : ocitar_blob_assume(&f->layout, &layer.digest, 3000);
    if (e == OCITAR_OK)
        e = real ? ocitar_blob_put(&f->layout, 0, RAW, sizeof RAW - 1, NULL)
                 : ocitar_blob_assume(&f->layout, &raw.digest, raw.size);
    e = e != OCITAR_OK ? e : ocitar_index_add(&f->index, &raw, NULL, 0);
    e = e != OCITAR_OK ? e : ocitar_image_begin(&f->image, &f->index, &d);
    e = e != OCITAR_OK ? e : ocitar_image_layer(&f->image, &layer);
    e = e != OCITAR_OK ? e : ocitar_image_end(&f->image);
    return e != OCITAR_OK ? e : finish(f);
}

static void test_assume(void)
{
    ocitar_digest manifest;
    uint64_t size;
    fixture f;

    memset(&f, 0, sizeof f);
    start_layout(&f, NULL, DRY);
    CHECK_CODE(index_begin(&f, POOL, 0), OCITAR_OK);
    CHECK_CODE(add_assumed(&f, 0), OCITAR_OK);
    size = ocitar_archive_size(&f.archive);
    manifest = ocitar_image_descriptor(&f.image)->digest;
    start(&f);
    CHECK_CODE(add_assumed(&f, 1), OCITAR_OK);
    CHECK(ocitar_archive_size(&f.archive) == size && f.out.len == size);
    CHECK(ocitar_digest_equal(&ocitar_image_descriptor(&f.image)->digest,
                              &manifest));
    stop_whole(&f, 2 + 2 + 2 + 3);
}

/* Metadata first: a first run without the layer's bytes, and the second with
   them gives the archive that was promised. */
static void test_assume_rehearsed(void)
{
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_rehearsal r = OCITAR_ZERO;
    uint64_t size;
    fixture f;

    memset(&f, 0, sizeof f);
    l.rehearsal = &r;
    start_layout(&f, &l, DRY);
    CHECK_CODE(index_begin(&f, POOL, 1), OCITAR_OK);
    CHECK_CODE(add_assumed(&f, 0), OCITAR_OK);
    size = ocitar_archive_size(&f.archive);
    ocitar_rehearsal_play(&r);
    start_layout(&f, &l, PUT_ONLY);
    CHECK_CODE(index_begin(&f, POOL, 1), OCITAR_OK);
    CHECK_CODE(add_assumed(&f, 1), OCITAR_OK);
    CHECK(f.out.len == size);
    stop_whole(&f, 2 + 2 + 2 + 3);
}

/* The archive's size after a blob of that size was assumed. */
static uint64_t assumed_size(uint64_t size, int times, const ocitar_key *keys)
{
    const ocitar_digest digest = descriptor_of(NULL, "abc").digest;
    ocitar_layout_desc l = OCITAR_ZERO;
    fixture f;

    memset(&f, 0, sizeof f);
    if (keys != NULL) {
        l.keys = f.keys;
        l.key_count = 32;
    }
    start_layout(&f, &l, DRY);
    while (times-- > 0)
        CHECK_CODE(ocitar_blob_assume(&f.layout, &digest, size), OCITAR_OK);
    size = ocitar_archive_size(&f.archive);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    CHECK(ocitar_archive_size(&f.archive) == size + 1024);
    return size;
}

static void test_assume_sizes(void)
{
    const ocitar_digest digest = descriptor_of(NULL, "abc").digest;
    const uint64_t gib8 = (uint64_t)8 << 30;
    const uint64_t most = INT64_MAX;
    fixture f;

    CHECK(assumed_size(0, 1, NULL) == 512);
    CHECK(assumed_size(1, 1, NULL) == 1024);
    CHECK(assumed_size(511, 1, NULL) == 1024);
    CHECK(assumed_size(512, 1, NULL) == 1024);
    CHECK(assumed_size(513, 1, NULL) == 1536);
    CHECK(assumed_size(gib8 - 1, 1, NULL) == gib8 + 512);
    CHECK(assumed_size(gib8, 1, NULL) == gib8 + 1536);
    CHECK(assumed_size(most, 1, NULL) == most + 1 + 1536);
    CHECK(assumed_size(most - 511, 1, NULL) == most - 511 + 1536);
    CHECK(assumed_size(700, 3, NULL) == 3 * 1536);
    CHECK(assumed_size(700, 3, f.keys) == 1536); /* recognised */
    memset(&f, 0, sizeof f);
    start_layout(&f, NULL, DRY);
    CHECK_CODE(ocitar_blob_assume(&f.layout, &digest, most + 1),
               OCITAR_E_RANGE);
    CHECK_CODE(ocitar_blob_assume(&f.layout, &digest, UINT64_MAX),
               OCITAR_E_RANGE);
    CHECK(ocitar_archive_error(&f.archive)->code == OCITAR_E_RANGE);
    CHECK_CODE(ocitar_blob_assume(&f.layout, &digest, 0), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
}

/* What was assumed is not written by a put, and the other way round. */
static void test_assume_recognised(void)
{
    const ocitar_digest digest = descriptor_of(NULL, "abc").digest;
    const ocitar_digest other = descriptor_of(NULL, "other").digest;
    ocitar_layout_desc l = OCITAR_ZERO;
    fixture f;

    memset(&f, 0, sizeof f);
    l.keys = f.keys;
    l.key_count = 1;
    start_layout(&f, &l, DRY);
    CHECK_CODE(ocitar_blob_assume(&f.layout, &digest, 3), OCITAR_OK);
    CHECK_CODE(ocitar_blob_put(&f.layout, 0, "abc", 3, NULL), OCITAR_OK);
    CHECK(ocitar_archive_size(&f.archive) == 1024);
    CHECK_CODE(ocitar_blob_assume(&f.layout, &other, 3), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
}

static int other_begin(void *user, const ocitar_entry *entry)
{
    (void)user;
    return entry == NULL;
}

static int other_write(void *user, const void *data, size_t len)
{
    (void)user;
    return data == NULL && len > 0;
}

static int other_cancel(void *user)
{
    (void)user;
    return 0;
}

static void test_assume_elsewhere(void)
{
    static const ocitar_driver other = { other_begin, other_write, NULL,
                                         other_begin, other_cancel, NULL,
                                         NULL, NULL };
    const ocitar_digest digest = descriptor_of(NULL, "abc").digest;
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_layout layout;
    ocitar_root root;
    fixture f;
    int sink;

    for (sink = PUT_ONLY; sink <= PATCHABLE; sink++) {
        memset(&f, 0, sizeof f);
        start_layout(&f, NULL, sink);
        CHECK_CODE(ocitar_blob_assume(&f.layout, &digest, 3), OCITAR_E_STATE);
        CHECK(ocitar_archive_error(&f.archive)->code == OCITAR_E_STATE);
        CHECK(ocitar_archive_size(&f.archive) == 0);
        CHECK_CODE(ocitar_blob_put(&f.layout, 0, "abc", 3, NULL), OCITAR_OK);
        stop_whole(&f, 1);
    }
    ocitar_root_begin(&root);
    l.driver = &other;
    l.root = &root;
    CHECK_CODE(ocitar_layout_begin(&layout, NULL, &l), OCITAR_OK);
    CHECK_CODE(ocitar_blob_assume(&layout, &digest, 3), OCITAR_E_STATE);
    CHECK_CODE(ocitar_blob_put(&layout, 0, "abc", 3, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_root_finish(&root), OCITAR_OK);
}

static void test_assume_refused(void)
{
    ocitar_digest digest = OCITAR_ZERO;
    ocitar_layout layout;
    ocitar_blob owner;
    fixture f;

    memset(&f, 0, sizeof f);
    memset(&layout, 0, sizeof layout);
    start_layout(&f, NULL, DRY);
    CHECK_CODE(ocitar_blob_assume(&f.layout, &digest, 3), OCITAR_E_ARG);
    digest.algorithm = 8;
    CHECK_CODE(ocitar_blob_assume(&f.layout, &digest, 3), OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_assume(&f.layout, NULL, 3), OCITAR_E_ARG);
    digest = descriptor_of(NULL, "abc").digest;
    CHECK_CODE(ocitar_blob_assume(NULL, &digest, 3), OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_assume(&layout, &digest, 3), OCITAR_E_STATE);
    CHECK_CODE(ocitar_blob_begin(&owner, &f.layout, 0, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_assume(&f.layout, &digest, 3), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_close(&owner), OCITAR_OK);
    CHECK_CODE(ocitar_blob_assume(&f.layout, &digest, 3), OCITAR_OK);
    CHECK(ocitar_archive_size(&f.archive) == 1024);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
}

/* ---- blobs that were verified before ---- */

/* An engine that counts its calls, and hashes nothing. */
typedef struct calls {
    int begins, updates, ends;
} calls;

static int count_begin(void *user, void *state, uint8_t algorithm)
{
    (void)state;
    (void)algorithm;
    ((calls *)user)->begins++;
    return 0;
}

static int count_update(void *user, void *state, const void *data, size_t len)
{
    (void)state;
    (void)data;
    (void)len;
    ((calls *)user)->updates++;
    return 0;
}

static int count_end(void *user, void *state, uint8_t *out)
{
    (void)state;
    if (out != NULL)
        memset(out, 0xEE, 32);
    ((calls *)user)->ends++;
    return 0;
}

static const ocitar_engine *engine_of(ocitar_engine *engine, calls *c)
{
    memset(engine, 0, sizeof *engine);
    memset(c, 0, sizeof *c);
    engine->begin_fn = count_begin;
    engine->update_fn = count_update;
    engine->end_fn = count_end;
    engine->user = c;
    engine->algorithms = OCITAR_SHA256;
    return engine;
}

static ocitar_wait verified_wait(const char *text)
{
    ocitar_wait w = OCITAR_ZERO;

    w.way = OCITAR_WAIT_KNOWN;
    w.size = strlen(text);
    w.digest = descriptor_of(NULL, text).digest;
    w.verified = 1;
    return w;
}

/* Other bytes of that size show that nobody looks. */
static void test_verified(void)
{
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_wait w = verified_wait("abc");
    ocitar_engine engine;
    ocitar_digest digest;
    ocitar_blob blob;
    calls c;
    fixture f;
    int own;

    for (own = 0; own < 2; own++) {
        memset(&f, 0, sizeof f);
        l.engine = own ? engine_of(&engine, &c) : NULL;
        start_layout(&f, &l, PUT_ONLY);
        CHECK_CODE(ocitar_blob_begin(&blob, &f.layout, 0, &w), OCITAR_OK);
        CHECK_CODE(ocitar_blob_write(&blob, "x", 1), OCITAR_OK);
        CHECK_CODE(ocitar_blob_write(&blob, "yz", 2), OCITAR_OK);
        CHECK_CODE(ocitar_blob_digest(&blob, &digest), OCITAR_OK);
        CHECK(ocitar_digest_equal(&digest, &w.digest));
        CHECK_CODE(ocitar_blob_commit(&blob, 3, digest_text("abc")),
                   OCITAR_OK);
        CHECK_CODE(ocitar_blob_digest(&blob, &digest), OCITAR_OK);
        CHECK(ocitar_digest_equal(&digest, &w.digest));
        CHECK_CODE(ocitar_blob_close(&blob), OCITAR_OK);
        CHECK_TEXT(blob_of(&f.out, &w.digest), "xyz");
        CHECK(!own || (c.updates == 0 && c.begins == c.ends));
        stop_whole(&f, 1);
    }
}

static void test_verified_size(void)
{
    const ocitar_wait w = verified_wait("abc");
    ocitar_blob blob;
    fixture f;

    memset(&f, 0, sizeof f);
    start_layout(&f, NULL, PATCHABLE);
    CHECK_CODE(ocitar_blob_begin(&blob, &f.layout, 0, &w), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&blob, "ab", 2), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&blob, OCITAR_SIZE_UNKNOWN, NULL),
               OCITAR_E_SIZE);
    CHECK(ocitar_archive_error(&f.archive)->expected_size == 3 &&
          ocitar_archive_error(&f.archive)->actual_size == 2);
    CHECK_CODE(ocitar_blob_close(&blob), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&blob, &f.layout, 0, &w), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&blob, "ab", 2), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&blob, "cd", 2), OCITAR_E_SIZE);
    CHECK_CODE(ocitar_blob_close(&blob), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&blob, &f.layout, 0, &w), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&blob, "abc", 3), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&blob, 4, NULL), OCITAR_E_SIZE);
    CHECK_CODE(ocitar_blob_close(&blob), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&blob, &f.layout, 0, &w), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&blob, "abc", 3), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&blob, 3, digest_text("other")),
               OCITAR_E_DIGEST);
    CHECK_CODE(ocitar_blob_close(&blob), OCITAR_OK);
    CHECK(ocitar_archive_size(&f.archive) == 0);
    stop_whole(&f, 0);
}

/* Not said, or said of another way to wait, the bytes are hashed. */
static void test_verified_not(void)
{
    ocitar_wait w = verified_wait("abc");
    ocitar_spool spool;
    ocitar_digest digest;
    ocitar_blob blob;
    char memory[16];
    fixture f;
    uint8_t way;

    memset(&f, 0, sizeof f);
    start_layout(&f, NULL, PATCHABLE);
    w.verified = 0;
    CHECK_CODE(ocitar_blob_begin(&blob, &f.layout, 0, &w), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&blob, "xyz", 3), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&blob, 3, NULL), OCITAR_E_DIGEST);
    CHECK_CODE(ocitar_blob_close(&blob), OCITAR_OK);
    CHECK_CODE(ocitar_spool_begin_buffer(&spool, memory, sizeof memory),
               OCITAR_OK);
    w.spool = &spool;
    w.verified = 1;
    for (way = OCITAR_WAIT_AUTO; way <= OCITAR_WAIT_PATCH; way++) {
        w.way = way;
        CHECK_CODE(ocitar_blob_begin(&blob, &f.layout, 0, &w), OCITAR_OK);
        CHECK_CODE(ocitar_blob_write(&blob, "xyz", 3), OCITAR_OK);
        CHECK_CODE(ocitar_blob_commit(&blob, 3, NULL), OCITAR_OK);
        CHECK_CODE(ocitar_blob_digest(&blob, &digest), OCITAR_OK);
        CHECK(digest_is(&digest, digest_text("xyz")));
    }
    stop_whole(&f, 3);
}

static void test_verified_layer(void)
{
    ocitar_image_desc d = image_desc(NULL, "arm64");
    ocitar_layer_desc ld = OCITAR_ZERO;
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_engine engine;
    ocitar_layer layer;
    calls c;
    fixture f;
    int before;

    memset(&f, 0, sizeof f);
    l.engine = engine_of(&engine, &c);
    ld.wait = verified_wait("abc");
    ld.raw = OCITAR_RAW_BLOB;
    ld.media_type = LAYER "+gzip";
    ld.diff_id = descriptor_of(NULL, "tar").digest;
    start_layout(&f, &l, PUT_ONLY);
    CHECK_CODE(index_begin(&f, POOL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_layer_begin(&layer, &f.image, &ld), OCITAR_OK);
    CHECK_CODE(ocitar_layer_write(&layer, "xyz", 3), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&layer), OCITAR_OK);
    CHECK(c.updates == 0 && c.begins == c.ends);
    CHECK(ocitar_digest_equal(&f.pool[0].digest, &ld.wait.digest));
    CHECK(ocitar_digest_equal(&f.pool[0].diff_id, &ld.diff_id));
    CHECK(f.pool[0].size == 3);
    CHECK_TEXT(blob_of(&f.out, &ld.wait.digest), "xyz");
    before = c.updates;
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK(c.updates > before); /* the documents are hashed */
    stop(&f);
    start(&f);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_layer_begin(&layer, &f.image, &ld), OCITAR_OK);
    CHECK_CODE(ocitar_layer_write(&layer, "xy", 2), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&layer), OCITAR_E_SIZE);
    CHECK_CODE(ocitar_layer_abandon(&layer), OCITAR_OK);
    CHECK_CODE(ocitar_layer_begin(&layer, &f.image, &ld), OCITAR_OK);
    CHECK_CODE(ocitar_layer_write(&layer, "wxyz", 4), OCITAR_E_SIZE);
    CHECK_CODE(ocitar_layer_end(&layer), OCITAR_E_SIZE);
    CHECK_CODE(ocitar_layer_abandon(&layer), OCITAR_OK);
    stop_abandoned(&f);
}

/* ---- what a description may not say ---- */

static int begin_code(const ocitar_image_desc *d)
{
    fixture f;
    int e, code;

    start(&f);
    code = ocitar_image_begin(&f.image, &f.index, d);
    e = ocitar_archive_error(&f.archive)->code;
    CHECK_CODE(e, code);
    stop_abandoned(&f);
    return code;
}

static void test_ports(void)
{
    static const char *const good[] = { "1", "80", "65535", "80/tcp", "1/udp",
                                        "65535/udp", "80/sctp" };
    static const char *const bad[] = {
        "", "0", "65536", "99999999999999999999", "4294967376", "80/",
        "80/icmp", "x", "/tcp", "80/TCP", "80/tcp ", "80/tcpx", "80/tc",
        " 80", "80 ", "-1", "+80", "80-90", "8x", "0/tcp", "65536/tcp",
        "80//tcp", "80/udp/tcp", NULL
    };
    ocitar_image_desc d = image_desc(NULL, "arm64");
    const char *two[2];
    size_t i;

    d.ports = two;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        two[0] = good[i];
        d.port_count = 1;
        CHECK_CODE(begin_code(&d), OCITAR_OK);
    }
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        two[0] = bad[i];
        CHECK_CODE(begin_code(&d), OCITAR_E_ARG);
    }
    two[0] = "80";
    two[1] = "0";
    d.port_count = 2;
    CHECK_CODE(begin_code(&d), OCITAR_E_ARG);
    d.ports = NULL;
    CHECK_CODE(begin_code(&d), OCITAR_E_ARG);
}

/* Every place that takes a media type, and what it says. */
enum { LAYER_TYPE, WRITER_TYPE, CODEC_TYPE, CONFIG_TYPE, ARTIFACT_TYPE,
       SUBJECT_TYPE, ADD_TYPE, PLACES };

static int codec_begin(void *user)
{
    (void)user;
    return 0;
}

static int codec_write(void *user, const void *data, size_t len,
                       int (*put_fn)(void *put_user, const void *put_data,
                                     size_t put_len),
                       void *put_user)
{
    (void)user;
    return put_fn(put_user, data, len);
}

static int codec_end(void *user,
                     int (*put_fn)(void *put_user, const void *data,
                                   size_t len),
                     void *put_user)
{
    (void)user;
    (void)put_fn;
    (void)put_user;
    return 0;
}

static int type_at(fixture *f, int place, const char *type)
{
    ocitar_image_desc d = image_desc(NULL, "arm64");
    ocitar_descriptor x = descriptor_of(type, "abc");
    ocitar_layer_desc ld = OCITAR_ZERO;
    ocitar_codec codec = OCITAR_ZERO;
    ocitar_layer layer;
    int e;

    codec.media_type = type;
    codec.begin_fn = codec_begin;
    codec.write_fn = codec_write;
    codec.end_fn = codec_end;
    x.diff_id = x.digest;
    ld.media_type = place == WRITER_TYPE ? type : NULL;
    ld.codec = place == CODEC_TYPE ? &codec : NULL;
    if (place == CONFIG_TYPE) {
        d.config = "{}";
        d.config_len = 2;
        d.config_media_type = type;
    }
    d.artifact_type = place == ARTIFACT_TYPE ? type : NULL;
    d.subject = place == SUBJECT_TYPE ? &x : NULL;
    if (place == ADD_TYPE)
        return ocitar_index_add(&f->index, &x, NULL, 0);
    e = ocitar_image_begin(&f->image, &f->index, &d);
    if (e == OCITAR_OK && place == LAYER_TYPE)
        e = ocitar_image_layer(&f->image, &x);
    if (e == OCITAR_OK && (place == WRITER_TYPE || place == CODEC_TYPE)) {
        e = ocitar_layer_begin(&layer, &f->image, &ld);
        CHECK_CODE(ocitar_layer_abandon(&layer), OCITAR_OK);
    }
    return e;
}

static void types_are_taken(const char *const *all, size_t count, int code)
{
    fixture f;
    size_t i;
    int place;

    for (i = 0; i < count; i++)
        for (place = 0; place < PLACES; place++) {
            start(&f);
            CHECK_CODE(type_at(&f, place, all[i]), code);
            stop_abandoned(&f);
        }
}

static void test_media_types_checked(void)
{
    static const char *const good[] = {
        "a/b", "A/B", "0/9", "text/plain", "application/vnd.oci.image.v1+json",
        "a!#$&^_.+-/b!#$&^_.+-"
    };
    static const char *const bad[] = {
        "", "/", "a", "a/", "/b", "a/b/c", "a/b ", " a/b", "a b/c", "a//b",
        ".a/b", "a/.b", "a/+b", "-a/b", "_/b", "a/b;c=d", "a/b,c", "a/b\n",
        "a/\xC3\xA9", "a/b\"", "a\\/b", "a/*", "a/b@", "a/b=", "a%2fb/c"
    };
    char longest[2 * 128 + 2];
    const char *one = longest;

    types_are_taken(good, sizeof good / sizeof good[0], OCITAR_OK);
    types_are_taken(bad, sizeof bad / sizeof bad[0], OCITAR_E_ARG);
    memset(longest, 'x', sizeof longest);
    longest[127] = '/';
    longest[127 + 1 + 127] = 0;
    types_are_taken(&one, 1, OCITAR_OK);
    longest[127 + 1 + 127] = 'x';
    longest[127 + 1 + 128] = 0;
    types_are_taken(&one, 1, OCITAR_E_ARG);
    one = longest + 1; /* 126 and 128 */
    types_are_taken(&one, 1, OCITAR_E_ARG);
    longest[127] = 'x';
    longest[128] = '/'; /* 128 and 127 */
    one = longest;
    types_are_taken(&one, 1, OCITAR_E_ARG);
}

/* A layer that has none; elsewhere NULL is a default. */
static void test_media_type_missing(void)
{
    fixture f;

    start(&f);
    CHECK_CODE(type_at(&f, LAYER_TYPE, NULL), OCITAR_E_ARG);
    stop_abandoned(&f);
    start(&f);
    CHECK_CODE(type_at(&f, SUBJECT_TYPE, NULL), OCITAR_E_ARG);
    stop_abandoned(&f);
    start(&f);
    CHECK_CODE(type_at(&f, CODEC_TYPE, NULL), OCITAR_E_ARG);
    stop_abandoned(&f);
}

/* After E_BUSY in the second run the nested index is begun anew. */
static void test_nest_ahead_busy(void)
{
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_rehearsal r = OCITAR_ZERO;
    ocitar_rehearsed table[1];
    ocitar_wait w = OCITAR_ZERO;
    ocitar_blob owner;
    fixture f;
    int run;

    memset(&f, 0, sizeof f);
    w.way = OCITAR_WAIT_REHEARSE;
    r.table = table;
    r.capacity = 1;
    l.rehearsal = &r;
    for (run = 0; run < 2; run++) {
        start_layout(&f, &l, run == 0 ? DRY : PUT_ONLY);
        CHECK_CODE(index_begin(&f, POOL, 1), OCITAR_OK);
        CHECK_CODE(ocitar_blob_begin(&owner, &f.layout, 0, &w), OCITAR_OK);
        CHECK_CODE(ocitar_blob_write(&owner, "1", 1), OCITAR_OK);
        if (run == 1)
            CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_E_BUSY);
        CHECK_CODE(ocitar_blob_commit(&owner, 1, NULL), OCITAR_OK);
        CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_OK);
        CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
        CHECK_CODE(finish(&f), OCITAR_OK);
        ocitar_rehearsal_play(&r);
    }
    stop_whole(&f, 2 + 3 + 2);
}

/* E_BUSY at the index's begin in the second run: nothing is out, so that it
   may be given up. */
static void test_index_ahead_busy(void)
{
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_rehearsal r = OCITAR_ZERO;
    ocitar_rehearsed table[1];
    ocitar_wait w = OCITAR_ZERO;
    ocitar_blob owner;
    fixture f;
    int run;

    memset(&f, 0, sizeof f);
    w.way = OCITAR_WAIT_REHEARSE;
    r.table = table;
    r.capacity = 1;
    l.rehearsal = &r;
    for (run = 0; run < 2; run++) {
        start_layout(&f, &l, run == 0 ? DRY : PUT_ONLY);
        CHECK_CODE(ocitar_layout_init(&f.layout), OCITAR_OK);
        CHECK_CODE(ocitar_blob_begin(&owner, &f.layout, 0, &w), OCITAR_OK);
        CHECK_CODE(ocitar_blob_write(&owner, "1", 1), OCITAR_OK);
        if (run == 1) {
            CHECK_CODE(index_begin(&f, POOL, 1), OCITAR_E_BUSY);
            CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
        }
        CHECK_CODE(ocitar_blob_commit(&owner, 1, NULL), OCITAR_OK);
        CHECK_CODE(index_begin(&f, POOL, 1), OCITAR_OK);
        CHECK_CODE(finish(&f), OCITAR_OK);
        ocitar_rehearsal_play(&r);
    }
    stop_whole(&f, 2 + 1 + 3);
}

/* An end that is tried again after E_BUSY writes the empty config. */
static void test_artifact_busy(void)
{
    ocitar_image_desc d = OCITAR_ZERO;
    ocitar_blob owner;
    fixture f;

    d.artifact_type = "application/x";
    start(&f);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&owner, &f.layout, 0, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_close(&owner), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(finish(&f), OCITAR_OK);
    CHECK(has_blob(&f, "{}"));
    stop_whole(&f, 2 + 2 + 3);
}

/* Artifacts of two algorithms, in turn: each empty config once. */
static void test_artifact_algorithms(void)
{
    ocitar_image_desc d = OCITAR_ZERO;
    fixture f;
    int i;

    d.artifact_type = "application/x";
    start(&f);
    for (i = 0; i < 3; i++) {
        d.algorithm = i == 1 ? OCITAR_SHA512 : OCITAR_SHA256;
        CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
        CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    }
    CHECK_CODE(finish(&f), OCITAR_OK);
    CHECK(has_blob(&f, "{}")); /* once */
    stop(&f);
}

/* Digests of an unknown algorithm, types that are none, sizes that no int64
   can hold (OCI descriptor, Properties), and names twice. */
static void test_descriptors_refused(void)
{
    static const char *const same[] = { "x:a" };
    ocitar_descriptor good = descriptor_of(MANIFEST, RAW), d = good;
    ocitar_descriptor layer = OCITAR_ZERO;
    ocitar_image_desc i = image_desc(NULL, "arm64");
    fixture f;

    d.diff_id = d.digest;
    add_refused(&d, &layer, 1, OCITAR_E_ARG);
    layer.digest.algorithm = 8;
    add_refused(&d, &layer, 1, OCITAR_E_ARG);
    d.diff_id.algorithm = 8;
    add_refused(&d, NULL, 0, OCITAR_E_ARG);
    d = good;
    d.size = (uint64_t)INT64_MAX + 1;
    add_refused(&d, NULL, 0, OCITAR_E_RANGE);
    d = good;
    d.artifact_type = "no type";
    add_refused(&d, NULL, 0, OCITAR_E_ARG);
    d = good;
    i.subject = &d;
    d.digest.algorithm = 8;
    CHECK_CODE(begin_code(&i), OCITAR_E_ARG);
    d = good;
    d.size = (uint64_t)INT64_MAX + 1;
    CHECK_CODE(begin_code(&i), OCITAR_E_ARG);
    i.subject = NULL;
    layer = descriptor_of(LAYER, "one");
    layer.diff_id = layer.digest;
    layer.diff_id.algorithm = 8;
    start(&f);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &i), OCITAR_OK);
    CHECK_CODE(ocitar_image_layer(&f.image, &layer), OCITAR_E_ARG);
    stop_abandoned(&f);
    layer.diff_id = layer.digest;
    layer.size = (uint64_t)INT64_MAX + 1;
    start(&f);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &i), OCITAR_OK);
    CHECK_CODE(ocitar_image_layer(&f.image, &layer), OCITAR_E_RANGE);
    stop_abandoned(&f);
    i.reference = "x:a";
    i.more_references = same;
    i.more_reference_count = 1;
    CHECK_CODE(begin_code(&i), OCITAR_E_ARG);
}

/* A digest of an unknown algorithm has no text to be chained. */
static void test_chain_id_below(void)
{
    const ocitar_digest a = descriptor_of(NULL, "abc").digest;
    ocitar_digest below = OCITAR_ZERO, chain;

    below.algorithm = 8;
    CHECK_CODE(ocitar_chain_id(&chain, &below, &a), OCITAR_E_ARG);
}

/* Any number but 0 stands for docker's. */
static void test_docker_types_any(void)
{
    ocitar_image_desc d = image_desc(NULL, "arm64");
    fixture f;

    d.docker_types = 2;
    start(&f);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_TEXT(ocitar_image_descriptor(&f.image)->media_type, types[0][1]);
    CHECK_CODE(finish(&f), OCITAR_OK);
    stop(&f);
}

/* Two blobs of 2^63-1 bytes are more than an archive's size can say. */
static void test_assume_two(void)
{
    const ocitar_digest digest = descriptor_of(NULL, "abc").digest;
    uint64_t before;
    fixture f;

    memset(&f, 0, sizeof f);
    start_layout(&f, NULL, DRY);
    CHECK_CODE(ocitar_blob_assume(&f.layout, &digest, INT64_MAX), OCITAR_OK);
    before = ocitar_archive_size(&f.archive);
    CHECK_CODE(ocitar_blob_assume(&f.layout, &digest, INT64_MAX),
               OCITAR_E_RANGE);
    CHECK(ocitar_archive_size(&f.archive) >= before);
}

int main(void)
{
    many_fill();
    test_nest();
    test_nest_empty();
    test_nest_mixture();
    test_nest_name_goes_no_further();
    test_nest_artifact();
    test_nest_docker_types();
    test_nest_algorithm();
    test_nest_states();
    test_nest_abandoned();
    test_nest_image_abandoned();
    test_nest_pool_full();
    test_nest_count();
    test_nest_refused();
    test_nest_of_nothing();
    test_nest_busy();
    test_nest_recognised();
    test_nest_ahead_order();
    test_nest_ahead_same_blobs();
    test_nest_ahead_changes();
    test_nest_ahead_short();
    test_nest_ahead_beyond();
    test_nest_ahead_was_added();
    test_sink_fails();
    test_add();
    test_add_descriptor();
    test_add_for_docker();
    test_add_nested();
    test_add_refused();
    test_add_states();
    test_add_pool();
    test_add_ahead();
    test_add_ahead_more();
    test_add_ahead_kinds();
    test_names();
    test_names_refused();
    test_names_of_layers();
    test_media_types();
    test_docker_types();
    test_docker_types_refused();
    test_docker_types_config();
    test_data_lengths();
    test_data_bytes();
    test_data_refused();
    test_chain_id();
    test_image_chain_id();
    test_image_chain_id_of_none();
    test_uname();
    test_uname_used();
    test_assume();
    test_assume_rehearsed();
    test_assume_sizes();
    test_assume_recognised();
    test_assume_elsewhere();
    test_assume_refused();
    test_verified();
    test_verified_size();
    test_verified_not();
    test_verified_layer();
    test_ports();
    test_media_types_checked();
    test_media_type_missing();
    test_nest_ahead_busy();
    test_index_ahead_busy();
    test_artifact_busy();
    test_artifact_algorithms();
    test_descriptors_refused();
    test_chain_id_below();
    test_docker_types_any();
    test_assume_two();
    return check_done();
}
