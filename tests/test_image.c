/* test_image - references, and the exact bytes of the documents that an index
   and its images become. */

#include "ocitar.h"
#include "check.h"

/* ---- a tar reader, small as the archives here ---- */

typedef struct item {
    char name[272];
    unsigned long mode;
    size_t size;
    const char *body;
} item;

static unsigned long octal(const unsigned char *field)
{
    return strtoul((const char *)field, NULL, 8);
}

/* The entry at *at, and *at behind it; pax heads give their path to it. */
static int tar_next(const check_sink *s, size_t *at, item *it)
{
    char path[256] = "";
    const unsigned char *h;

    for (;;) {
        if (s->len - *at < 1024 || s->data[*at] == 0)
            return 0;
        h = s->data + *at;
        it->size = octal(h + 124);
        it->mode = octal(h + 100);
        it->body = (const char *)h + 512;
        *at += 512 + (it->size + 511) / 512 * 512;
        if (h[156] != 'x')
            break;
        snprintf(path, sizeof path, "%.*s", (int)it->size - 10, it->body + 9);
    }
    snprintf(it->name, sizeof it->name, "%.100s",
             path[0] != 0 ? "" : (const char *)h);
    if (path[0] != 0)
        snprintf(it->name, sizeof it->name, "%s", path);
    return 1;
}

/* How many entries have this name; *out is the last of them. */
static int tar_find(const check_sink *s, const char *name, item *out)
{
    size_t at = 0;
    int n = 0;
    item it;

    while (tar_next(s, &at, &it))
        if (strcmp(it.name, name) == 0) {
            *out = it;
            n++;
        }
    return n;
}

static int tar_count(const check_sink *s)
{
    size_t at = 0;
    int n = 0;
    item it;

    while (tar_next(s, &at, &it))
        n++;
    return s->len - at == 1024 ? n : -1;
}

static int holds(const item *it, const char *text)
{
    int same = it->size == strlen(text) &&
               memcmp(it->body, text, it->size) == 0;

    if (!same)
        printf("got  %.*s\nwant %s\n", (int)it->size, it->body, text);
    return same;
}

/* Is there one such file, and are these its bytes? */
static int file_is(const check_sink *s, const char *name, unsigned long mode,
                   const char *text)
{
    item it;

    return tar_find(s, name, &it) == 1 && it.mode == mode && holds(&it, text);
}

/* ---- what a test starts with ---- */

enum { POOL = 6 };

typedef struct fixture {
    check_sink out;
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_index index;
    ocitar_image image;
    ocitar_descriptor pool[POOL];
    unsigned char buffer[4096];
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
                         int dry)
{
    ocitar_archive_desc a = OCITAR_ZERO;

    memset(&f->out, 0, sizeof f->out);
    a.buffer = f->buffer;
    a.buffer_size = sizeof f->buffer;
    if (!dry) {
        a.sink.put_fn = check_put;
        a.sink.put_at_fn = memory_put_at;
        a.sink.truncate_fn = memory_cut;
        a.sink.user = &f->out;
    }
    CHECK_CODE(ocitar_archive_begin(&f->archive, &a), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&f->layout, &f->archive, layout_desc),
               OCITAR_OK);
}

static int index_begin(fixture *f, size_t capacity, int no_docker,
                       const ocitar_pair *annotations, size_t count)
{
    ocitar_index_desc d = OCITAR_ZERO;

    d.descriptors = f->pool;
    d.capacity = capacity;
    d.no_docker = (uint8_t)no_docker;
    d.annotations = annotations;
    d.annotation_count = count;
    return ocitar_index_begin(&f->index, &f->layout, &d);
}

static void start_capacity(fixture *f, size_t capacity)
{
    memset(f, 0, sizeof *f);
    start_layout(f, NULL, 0);
    CHECK_CODE(index_begin(f, capacity, 0, NULL, 0), OCITAR_OK);
}

static void start(fixture *f)
{
    start_capacity(f, POOL);
}

static void stop(fixture *f)
{
    free(f->out.data);
}

static void stop_whole(fixture *f, int entries)
{
    CHECK_CODE(ocitar_archive_finish(&f->archive), OCITAR_OK);
    CHECK(tar_count(&f->out) == entries);
    stop(f);
}

static int finish_index(fixture *f)
{
    int e = ocitar_index_end(&f->index);

    return e == OCITAR_OK ? ocitar_archive_finish(&f->archive) : e;
}

static ocitar_image_desc image_desc(const char *reference)
{
    ocitar_image_desc d = OCITAR_ZERO;

    d.reference = reference;
    d.platform.architecture = "arm64";
    return d;
}

/* A layer whose blob stands in the layout. */
static int add_layer(fixture *f, const char *content)
{
    ocitar_descriptor d = OCITAR_ZERO;
    int e = ocitar_blob_put(&f->layout, 0, content, strlen(content),
                            &d.digest);

    d.media_type = "application/vnd.oci.image.layer.v1.tar";
    d.size = strlen(content);
    d.diff_id = d.digest;
    return e == OCITAR_OK ? ocitar_image_layer(&f->image, &d) : e;
}

/* An archive with this image and no layer: the first error. */
static int image_whole(fixture *f, const ocitar_image_desc *d)
{
    int e;

    start(f);
    e = ocitar_image_begin(&f->image, &f->index, d);
    if (e == OCITAR_OK)
        e = ocitar_image_end(&f->image);
    return e == OCITAR_OK ? finish_index(f) : e;
}

static void digest_text(char out[OCITAR_DIGEST_TEXT_MAX], uint8_t algorithm,
                        const char *text)
{
    ocitar_digest d;

    CHECK_CODE(ocitar_digest_of(&d, algorithm, text, strlen(text)),
               OCITAR_OK);
    ocitar_digest_format(&d, out);
}

static void blob_name(char out[160], const char *digest)
{
    snprintf(out, 160, "blobs/%s", digest);
    out[12] = '/';
}

/* Is this text a blob of the archive? */
static int blob_is(const check_sink *s, uint8_t algorithm, const char *text)
{
    char digest[OCITAR_DIGEST_TEXT_MAX], name[160];

    digest_text(digest, algorithm, text);
    blob_name(name, digest);
    return file_is(s, name, 0444, text);
}

/* The config of the only image: the blob that begins like one. */
static item config_of(const check_sink *s)
{
    item it = { "", 0, 0, "" }, found = { "", 0, 0, "" };
    size_t at = 0;

    while (tar_next(s, &at, &it))
        if (it.size > 15 && memcmp(it.body, "{\"architecture\"", 15) == 0)
            found = it;
    return found;
}

/* ---- references ---- */

#define HEX64 "0123456789abcdef0123456789abcdef" \
              "0123456789abcdef0123456789abcdef"

typedef struct reference {
    const char *text, *name, *tag, *digest;
} reference;

static int piece_is(const char *p, size_t len, const char *want)
{
    if (want == NULL)
        return p == NULL && len == 0;
    return p != NULL && len == strlen(want) && memcmp(p, want, len) == 0;
}

static void test_references_taken(void)
{
    static const reference all[] = {
        { "a", "a", NULL, NULL },
        { "a:b", "a", "b", NULL },
        { "localhost/hello:1", "localhost/hello", "1", NULL },
        { "localhost:5000/x", "localhost:5000/x", NULL, NULL },
        { "localhost:5000/x:1.2_3-RC", "localhost:5000/x", "1.2_3-RC", NULL },
        { "localhost:5000", "localhost", "5000", NULL },
        { "Registry.Example.COM/a/b-c/d_e.f:V1",
          "Registry.Example.COM/a/b-c/d_e.f", "V1", NULL },
        { "a:_x", "a", "_x", NULL },
        { "a@sha256:" HEX64, "a", NULL, "sha256:" HEX64 },
        { "a:b@sha256:" HEX64, "a", "b", "sha256:" HEX64 },
        { "h:1/a:b@sha512:" HEX64 HEX64, "h:1/a", "b",
          "sha512:" HEX64 HEX64 },
        { "a@blake3:" HEX64, "a", NULL, "blake3:" HEX64 }
    };
    ocitar_reference r;
    size_t i;

    for (i = 0; i < sizeof all / sizeof all[0]; i++) {
        CHECK_CODE(ocitar_reference_parse(&r, all[i].text, 0), OCITAR_OK);
        CHECK(piece_is(r.name, r.name_len, all[i].name));
        CHECK(piece_is(r.tag, r.tag_len, all[i].tag));
        CHECK(piece_is(r.digest, r.digest_len, all[i].digest));
    }
    CHECK_CODE(ocitar_reference_parse(&r, "a:bc/", 3), OCITAR_OK);
    CHECK(piece_is(r.tag, r.tag_len, "b"));
}

/* What may stand between letters, and that a host is not a path. */
static void test_references_of_registries(void)
{
    static const char *const all[] = {
        "a.b", "a_b", "a__b", "a---b", "a/b-c_d.e:T", "Registry.Example/a",
        "HOST:5000/a:Tag", "localhost/a", "a.b.c/d", "0/1:2", "h-o.st:1/a"
    };
    ocitar_reference r;
    size_t i;

    for (i = 0; i < sizeof all / sizeof all[0]; i++)
        CHECK_CODE(ocitar_reference_parse(&r, all[i], 0), OCITAR_OK);
}

static void test_references_refused(void)
{
    static const char *const all[] = {
        "", ":", "a:", ":a", "/a", "a/", "a//b", "a/:b", "a:b:c", "a:1:c",
        "a:/b", "a/b:1/c", "a:x/b", "a b", "a:b c", "a:.b", "a:-b", "a:b/c",
        "a\nb", "\xC3\xA9", "a:\xC3\xA9", "a@", "@sha256:" HEX64,
        "a@sha256:" HEX64 "0", "a@sha256:0123", "a@sha256", "a@@sha256:" HEX64,
        "a@b@sha256:" HEX64, "a:@sha256:" HEX64, "a@sha256:" HEX64 ":b",
        "http://a/b", "localhost:5000/", ".:", "a:b@", "*", "a;b", "a%2f",
        "App", "a/B", "localhost/A:1", "../x", "./r", ".a", "a.", "-a", "a-",
        "a..b", "a___b", "a.-b", "a_.b", "a/.b", "host.name:x/a", ":5000/a",
        "-h.o/a", "h_o.st/a", "A/b"
    };
    ocitar_reference r;
    ocitar_image_desc d;
    fixture f;
    size_t i;

    for (i = 0; i < sizeof all / sizeof all[0]; i++) {
        CHECK_CODE(ocitar_reference_parse(&r, all[i], 0), OCITAR_E_ARG);
        start(&f);
        d = image_desc(all[i]);
        CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_E_ARG);
        stop(&f);
    }
    CHECK_CODE(ocitar_reference_parse(&r, NULL, 0), OCITAR_E_ARG);
    CHECK_CODE(ocitar_reference_parse(NULL, "a", 0), OCITAR_E_ARG);
}

static void test_reference_tag_length(void)
{
    char text[2 + 129 + 1] = "a:";
    ocitar_reference r;

    memset(text + 2, 'x', 129);
    CHECK_CODE(ocitar_reference_parse(&r, text, 0), OCITAR_E_ARG);
    CHECK_CODE(ocitar_reference_parse(&r, text, 2 + 128), OCITAR_OK);
    CHECK(r.tag_len == 128 && r.name_len == 1);
}

/* Nothing behind `len` is read, though no NUL stands there. */
static void test_reference_is_not_overrun(void)
{
    static const char *const all[] = { "a@", "a:b@", "a:", "a", "@" };
    ocitar_reference r;
    size_t i, len;
    char *exact;

    for (i = 0; i < sizeof all / sizeof all[0]; i++) {
        len = strlen(all[i]);
        exact = (char *)malloc(len);
        if (exact == NULL)
            abort();
        memcpy(exact, all[i], len);
        CHECK_CODE(ocitar_reference_parse(&r, exact, len),
                   i == 3 ? OCITAR_OK : OCITAR_E_ARG);
        free(exact);
    }
}

/* An image is named by what it is, so a digest can't be asked for. */
static void test_reference_with_digest(void)
{
    ocitar_image_desc d = image_desc("a:b@sha256:" HEX64);
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_E_ARG);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_ARG);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_E_ARG);
    CHECK_CODE(ocitar_image_abandon(&f.image), OCITAR_OK);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_OK);
    stop_whole(&f, 5);
}

/* ---- exact documents ---- */

static void test_empty_index(void)
{
    fixture f;

    start_capacity(&f, 0);
    CHECK_CODE(finish_index(&f), OCITAR_OK);
    CHECK(file_is(&f.out, "oci-layout", 0444,
                  "{\"imageLayoutVersion\":\"1.0.0\"}"));
    CHECK(file_is(&f.out, "manifest.json", 0644, "[]"));
    CHECK(file_is(&f.out, "index.json", 0644,
                  "{\"manifests\":[],"
                  "\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
                  "\"schemaVersion\":2}"));
    stop_whole(&f, 5);
}

static void test_smallest_image(void)
{
    static const char config[] =
        "{\"architecture\":\"arm64\",\"config\":{},\"os\":\"linux\","
        "\"rootfs\":{\"diff_ids\":[],\"type\":\"layers\"}}";
    char digest[OCITAR_DIGEST_TEXT_MAX], name[160], text[1024];
    ocitar_image_desc d = image_desc(NULL);
    fixture f;

    CHECK_CODE(image_whole(&f, &d), OCITAR_OK);
    CHECK(blob_is(&f.out, OCITAR_SHA256, config));
    digest_text(digest, OCITAR_SHA256, config);
    blob_name(name, digest);
    snprintf(text, sizeof text,
             "[{\"Config\":\"%s\",\"Layers\":[],\"RepoTags\":[]}]", name);
    CHECK(file_is(&f.out, "manifest.json", 0644, text));
    snprintf(text, sizeof text,
             "{\"config\":{\"digest\":\"%s\",\"mediaType\":"
             "\"application/vnd.oci.image.config.v1+json\",\"size\":%u},"
             "\"layers\":[],\"mediaType\":"
             "\"application/vnd.oci.image.manifest.v1+json\","
             "\"schemaVersion\":2}", digest, (unsigned)strlen(config));
    CHECK(blob_is(&f.out, OCITAR_SHA256, text));
    digest_text(digest, OCITAR_SHA256, text);
    snprintf(text, sizeof text,
             "{\"manifests\":[{\"digest\":\"%s\",\"mediaType\":"
             "\"application/vnd.oci.image.manifest.v1+json\",\"platform\":"
             "{\"architecture\":\"arm64\",\"os\":\"linux\"},\"size\":%u}],"
             "\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
             "\"schemaVersion\":2}", digest, (unsigned)strlen(text));
    CHECK(file_is(&f.out, "index.json", 0644, text));
    stop_whole(&f, 7);
}

/* Everything that a description can hold. */
static ocitar_image_desc full_desc(void)
{
    static const char *const features[] = { "f1", "f2" };
    static const char *const entrypoint[] = { "/bin/app", "" };
    static const char *const cmd[] = { "-v", "\"quoted\"" };
    static const char *const env[] = { "PATH=/bin", "EMPTY=", "A=b=c" };
    static const char *const ports[] = { "80", "53/udp" };
    static const char *const volumes[] = { "/var/b", "/var/a" };
    static const ocitar_pair labels[] = { { "z", "last", 0, 0 },
                                          { "a", "first", 0, 0 },
                                          { "none", NULL, 0, 0 } };
    static const ocitar_pair notes[] = { { "note", "of the manifest", 0, 7 } };
    static const ocitar_pair index_notes[] = {
        { "zz", "1", 0, 0 },
        { "kk", "2", 0, 0 },
        { "aa", "3", 0, 0 }
    };
    static const ocitar_history history[] = {
        { "ADD layer", "why", "who", { 86400, 0, 1 }, 0 },
        { NULL, NULL, NULL, { 0, 0, 0 }, 1 }
    };
    ocitar_image_desc d = image_desc("localhost:5000/hello");

    d.platform.os = "plan9";
    d.platform.variant = "v8";
    d.platform.os_version = "10.0";
    d.platform.os_features = features;
    d.platform.os_feature_count = 2;
    d.author = "Jo\xC3\xABl";
    d.created.set = 1;
    d.created.seconds = 951782399;
    d.created.nanoseconds = 120000000;
    d.user = "1000:1000";
    d.working_dir = "/srv";
    d.stop_signal = "SIGQUIT";
    d.entrypoint = entrypoint;
    d.entrypoint_count = 2;
    d.cmd = cmd;
    d.cmd_count = 2;
    d.env = env;
    d.env_count = 3;
    d.ports = ports;
    d.port_count = 2;
    d.volumes = volumes;
    d.volume_count = 2;
    d.labels = labels;
    d.label_count = 3;
    d.annotations = notes;
    d.annotation_count = 1;
    d.descriptor_annotations = index_notes;
    d.descriptor_annotation_count = 3;
    d.history = history;
    d.history_count = 2;
    return d;
}

static void full_config(char *out, size_t size, const char *layer)
{
    snprintf(out, size,
             "{\"architecture\":\"arm64\",\"author\":\"Jo\xC3\xABl\","
             "\"config\":{\"Cmd\":[\"-v\",\"\\\"quoted\\\"\"],"
             "\"Entrypoint\":[\"/bin/app\",\"\"],"
             "\"Env\":[\"PATH=/bin\",\"EMPTY=\",\"A=b=c\"],"
             "\"ExposedPorts\":{\"53/udp\":{},\"80\":{}},"
             "\"Labels\":{\"a\":\"first\",\"none\":\"\",\"z\":\"last\"},"
             "\"StopSignal\":\"SIGQUIT\",\"User\":\"1000:1000\","
             "\"Volumes\":{\"/var/a\":{},\"/var/b\":{}},"
             "\"WorkingDir\":\"/srv\"},"
             "\"created\":\"2000-02-28T23:59:59.12Z\","
             "\"history\":[{\"author\":\"who\",\"comment\":\"why\","
             "\"created\":\"1970-01-02T00:00:00Z\","
             "\"created_by\":\"ADD layer\"},{\"empty_layer\":true}],"
             "\"os\":\"plan9\",\"os.features\":[\"f1\",\"f2\"],"
             "\"os.version\":\"10.0\","
             "\"rootfs\":{\"diff_ids\":[\"%s\"],\"type\":\"layers\"},"
             "\"variant\":\"v8\"}", layer);
}

static void full_manifest(char *out, size_t size, const char *config,
                          const char *layer)
{
    char digest[OCITAR_DIGEST_TEXT_MAX];

    digest_text(digest, OCITAR_SHA256, config);
    snprintf(out, size,
             "{\"annotations\":{\"note\":\"of the \"},"
             "\"config\":{\"digest\":\"%s\",\"mediaType\":"
             "\"application/vnd.oci.image.config.v1+json\",\"size\":%u},"
             "\"layers\":[{\"digest\":\"%s\",\"mediaType\":"
             "\"application/vnd.oci.image.layer.v1.tar\",\"size\":5}],"
             "\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
             "\"schemaVersion\":2}", digest, (unsigned)strlen(config), layer);
}

static void full_index(char *out, size_t size, const char *manifest)
{
    char digest[OCITAR_DIGEST_TEXT_MAX];

    digest_text(digest, OCITAR_SHA256, manifest);
    snprintf(out, size,
             "{\"annotations\":{\"of\":\"index\"},"
             "\"manifests\":[{\"annotations\":{\"aa\":\"3\","
             "\"io.containerd.image.name\":\"localhost:5000/hello:latest\","
             "\"kk\":\"2\","
             "\"org.opencontainers.image.ref.name\":\"latest\","
             "\"zz\":\"1\"},\"digest\":\"%s\",\"mediaType\":"
             "\"application/vnd.oci.image.manifest.v1+json\",\"platform\":"
             "{\"architecture\":\"arm64\",\"os\":\"plan9\","
             "\"os.features\":[\"f1\",\"f2\"],\"os.version\":\"10.0\","
             "\"variant\":\"v8\"},\"size\":%u}],"
             "\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
             "\"schemaVersion\":2}", digest, (unsigned)strlen(manifest));
}

static void test_full_image(void)
{
    static const ocitar_pair notes[] = { { "of", "index", 0, 0 } };
    char layer[OCITAR_DIGEST_TEXT_MAX], config_name[160], layer_name[160];
    static char config[4096], manifest[4096], index[4096], docker[4096];
    ocitar_image_desc d = full_desc();
    fixture f;

    memset(&f, 0, sizeof f);
    start_layout(&f, NULL, 0);
    CHECK_CODE(index_begin(&f, 2, 0, notes, 1), OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    memset(&d, 0xEE, sizeof d); /* the description was copied */
    CHECK_CODE(add_layer(&f, "layer"), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(finish_index(&f), OCITAR_OK);
    digest_text(layer, OCITAR_SHA256, "layer");
    full_config(config, sizeof config, layer);
    full_manifest(manifest, sizeof manifest, config, layer);
    full_index(index, sizeof index, manifest);
    CHECK(blob_is(&f.out, OCITAR_SHA256, config));
    CHECK(blob_is(&f.out, OCITAR_SHA256, manifest));
    CHECK(file_is(&f.out, "index.json", 0644, index));
    blob_name(layer_name, layer);
    digest_text(layer, OCITAR_SHA256, config);
    blob_name(config_name, layer);
    snprintf(docker, sizeof docker,
             "[{\"Config\":\"%s\",\"Layers\":[\"%s\"],"
             "\"RepoTags\":[\"localhost:5000/hello:latest\"]}]",
             config_name, layer_name);
    CHECK(file_is(&f.out, "manifest.json", 0644, docker));
    stop_whole(&f, 8);
}

static void test_order_of_entries(void)
{
    static const char *const names[] = { "blobs/", "blobs/sha256/", NULL,
                                         NULL, NULL, "oci-layout",
                                         "manifest.json", "index.json" };
    ocitar_image_desc d = image_desc("a:b");
    fixture f;
    size_t at = 0, i;
    item it;

    start(&f);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(add_layer(&f, "layer"), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(finish_index(&f), OCITAR_OK);
    for (i = 0; i < 8; i++) {
        CHECK(tar_next(&f.out, &at, &it));
        CHECK(names[i] == NULL || strcmp(it.name, names[i]) == 0);
        CHECK(i != 3 || strncmp(it.body, "{\"architecture\"", 15) == 0);
        CHECK(i != 4 || strncmp(it.body, "{\"config\"", 9) == 0);
    }
    stop_whole(&f, 8);
}

/* The layers' annotations and artifact type are the caller's. */
static void test_layer_descriptor(void)
{
    static const ocitar_pair notes[] = { { "b", "2", 0, 0 },
                                         { "a", "1", 0, 0 } };
    ocitar_descriptor layer = OCITAR_ZERO;
    ocitar_image_desc d = image_desc(NULL);
    char digest[OCITAR_DIGEST_TEXT_MAX], want[1024];
    size_t at = 0;
    fixture f;
    item it;
    int found = 0;

    start(&f);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_blob_put(&f.layout, 0, "gz", 2, &layer.digest),
               OCITAR_OK);
    CHECK_CODE(ocitar_digest_of(&layer.diff_id, OCITAR_SHA256, "tar", 3),
               OCITAR_OK);
    layer.media_type = "application/vnd.oci.image.layer.v1.tar+gzip";
    layer.artifact_type = "application/x";
    layer.size = 2;
    layer.annotations = notes;
    layer.annotation_count = 2;
    layer.reference = "not:this";
    CHECK_CODE(ocitar_image_layer(&f.image, &layer), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(finish_index(&f), OCITAR_OK);
    digest_text(digest, OCITAR_SHA256, "gz");
    snprintf(want, sizeof want,
             "\"layers\":[{\"annotations\":{\"a\":\"1\",\"b\":\"2\"},"
             "\"artifactType\":\"application/x\",\"digest\":\"%s\","
             "\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\","
             "\"size\":2}]", digest);
    while (tar_next(&f.out, &at, &it))
        found += it.size > 10 && strstr(it.body, want) != NULL &&
                 strncmp(it.body, "{\"config\"", 9) == 0;
    CHECK(found == 1);
    digest_text(digest, OCITAR_SHA256, "tar");
    it = config_of(&f.out);
    CHECK(strstr(it.body, digest) != NULL);
    stop_whole(&f, 8);
}

static void test_two_images(void)
{
    ocitar_image_desc a = image_desc("x:a"), b = image_desc("x:b");
    ocitar_image second;
    const ocitar_descriptor *da, *db;
    char docker[1024], la[160], lb[160], digest[OCITAR_DIGEST_TEXT_MAX];
    fixture f;
    item it;
    const char *p;

    start_capacity(&f, 5);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &a), OCITAR_OK);
    CHECK_CODE(add_layer(&f, "one"), OCITAR_OK);
    CHECK_CODE(add_layer(&f, "two"), OCITAR_OK);
    CHECK(ocitar_image_descriptor(&f.image) == NULL);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    da = ocitar_image_descriptor(&f.image);
    second = f.image;
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &b), OCITAR_OK);
    CHECK_CODE(add_layer(&f, "three"), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    db = ocitar_image_descriptor(&f.image);
    CHECK(da != NULL && db != NULL && da != db &&
          ocitar_image_descriptor(&second) == da);
    CHECK_CODE(finish_index(&f), OCITAR_OK);
    CHECK(tar_find(&f.out, "manifest.json", &it) == 1);
    digest_text(digest, OCITAR_SHA256, "one");
    blob_name(la, digest);
    digest_text(digest, OCITAR_SHA256, "two");
    blob_name(lb, digest);
    snprintf(docker, sizeof docker,
             "\"Layers\":[\"%s\",\"%s\"],\"RepoTags\":[\"x:a\"]},{", la, lb);
    p = strstr(it.body, docker);
    CHECK(p != NULL);
    digest_text(digest, OCITAR_SHA256, "three");
    blob_name(la, digest);
    snprintf(docker, sizeof docker,
             "\"Layers\":[\"%s\"],\"RepoTags\":[\"x:b\"]}]", la);
    CHECK(p != NULL && strstr(p, docker) != NULL);
    CHECK(tar_find(&f.out, "index.json", &it) == 1);
    CHECK(da->digest.algorithm == OCITAR_SHA256);
    ocitar_digest_format(&da->digest, digest);
    p = strstr(it.body, digest);
    ocitar_digest_format(&db->digest, digest);
    CHECK(p != NULL && strstr(p, digest) != NULL); /* in order */
    stop_whole(&f, 2 + 3 + 4 + 3);
}

static void test_image_descriptor(void)
{
    ocitar_image_desc d = image_desc("x:a");
    const ocitar_descriptor *p;
    fixture f;

    start(&f);
    CHECK(ocitar_image_descriptor(NULL) == NULL);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    p = ocitar_image_descriptor(&f.image);
    CHECK(p != NULL && p->layers == 0 && p->size > 100 &&
          strcmp(p->reference, "x:a") == 0 &&
          strcmp(p->platform.os, "linux") == 0 &&
          strcmp(p->platform.architecture, "arm64") == 0 &&
          strcmp(p->media_type,
                 "application/vnd.oci.image.manifest.v1+json") == 0);
    CHECK_CODE(finish_index(&f), OCITAR_OK);
    stop_whole(&f, 7);
}

static void test_no_docker(void)
{
    ocitar_image_desc d = image_desc("x:a");
    fixture f;
    item it;

    memset(&f, 0, sizeof f);
    start_layout(&f, NULL, 0);
    CHECK_CODE(index_begin(&f, 1, 1, NULL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(finish_index(&f), OCITAR_OK);
    CHECK(tar_find(&f.out, "manifest.json", &it) == 0);
    CHECK(tar_find(&f.out, "index.json", &it) == 1);
    stop_whole(&f, 6);
}

static void test_sha512(void)
{
    static const char config[] =
        "{\"architecture\":\"arm64\",\"config\":{},\"os\":\"linux\","
        "\"rootfs\":{\"diff_ids\":[],\"type\":\"layers\"}}";
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_image_desc d = image_desc("x:a");
    const ocitar_descriptor *p;
    char digest[OCITAR_DIGEST_TEXT_MAX], name[160];
    fixture f;
    item it;

    memset(&f, 0, sizeof f);
    l.algorithms = OCITAR_SHA512;
    start_layout(&f, &l, 0);
    CHECK_CODE(index_begin(&f, 1, 0, NULL, 0), OCITAR_OK);
    d.algorithm = OCITAR_SHA512;
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(finish_index(&f), OCITAR_OK);
    CHECK(blob_is(&f.out, OCITAR_SHA512, config));
    p = ocitar_image_descriptor(&f.image);
    CHECK(p != NULL && p->digest.algorithm == OCITAR_SHA512 &&
          p->diff_id.algorithm == OCITAR_SHA512);
    digest_text(digest, OCITAR_SHA512, config);
    blob_name(name, digest);
    CHECK(tar_find(&f.out, "manifest.json", &it) == 1 &&
          strstr(it.body, name) != NULL);
    stop_whole(&f, 8);
    start(&f);
    d.algorithm = 8;
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d),
               OCITAR_E_UNSUPPORTED);
    stop(&f);
}

static void test_default_architecture(void)
{
    ocitar_image_desc d = OCITAR_ZERO;
    fixture f;
    item it;

    CHECK_CODE(image_whole(&f, &d), OCITAR_OK);
    it = config_of(&f.out);
#if defined __x86_64__
    CHECK(strstr(it.body, "{\"architecture\":\"amd64\",") != NULL);
#elif defined __aarch64__
    CHECK(strstr(it.body, "{\"architecture\":\"arm64\",") != NULL);
#elif defined __i386__
    CHECK(strstr(it.body, "{\"architecture\":\"386\",") != NULL);
#endif
    CHECK(strstr(it.body, "\"os\":\"linux\"") != NULL);
    CHECK(strstr(it.body, "variant") == NULL);
    stop_whole(&f, 7);
}

/* An image that is written twice is there once, if the layout has keys. */
static void test_same_image_twice(void)
{
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_image_desc d = image_desc("x:a");
    ocitar_key keys[8];
    fixture f;

    memset(&f, 0, sizeof f);
    l.keys = keys;
    l.key_count = 8;
    start_layout(&f, &l, 0);
    CHECK_CODE(index_begin(&f, 2, 0, NULL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    d.reference = "x:b";
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(finish_index(&f), OCITAR_OK);
    stop_whole(&f, 7);
}

/* ---- json ---- */

static void labels_are(const ocitar_pair *labels, size_t count,
                       const char *want)
{
    ocitar_image_desc d = image_desc(NULL);
    char text[1024];
    fixture f;
    item it;

    d.labels = labels;
    d.label_count = count;
    CHECK_CODE(image_whole(&f, &d), OCITAR_OK);
    it = config_of(&f.out);
    snprintf(text, sizeof text, "\"config\":{\"Labels\":{%s}},\"os\"", want);
    if (strstr(it.body, text) == NULL)
        printf("got %.*s\n", (int)it.size, it.body);
    CHECK(strstr(it.body, text) != NULL);
    stop_whole(&f, 7);
}

/* RFC 8785 compares UTF-16: U+10000 stands before U+E000. */
static void test_json_key_order(void)
{
    static const ocitar_pair labels[] = {
        { "\xEF\xBF\xBF", "9", 0, 0 },     { "\xEE\x80\x80", "8", 0, 0 },
        { "\xF0\x90\x80\x80", "6", 0, 0 }, { "\xF4\x8F\xBF\xBF", "7", 0, 0 },
        { "\xED\x9F\xBF", "5", 0, 0 },     { "\xC3\xA9", "4", 0, 0 },
        { "ab", "3", 0, 0 },               { "a", "2", 0, 0 },
        { "B", "1", 0, 0 },                { "", "0", 0, 0 },
        { "a\xEE\x80\x80", "3b", 0, 0 },   { "a\xF0\x90\x80\x80", "3a", 0, 0 }
    };

    labels_are(labels, 12,
               "\"\":\"0\",\"B\":\"1\",\"a\":\"2\",\"ab\":\"3\","
               "\"a\xF0\x90\x80\x80\":\"3a\",\"a\xEE\x80\x80\":\"3b\","
               "\"\xC3\xA9\":\"4\",\"\xED\x9F\xBF\":\"5\","
               "\"\xF0\x90\x80\x80\":\"6\",\"\xF4\x8F\xBF\xBF\":\"7\","
               "\"\xEE\x80\x80\":\"8\",\"\xEF\xBF\xBF\":\"9\"");
}

static void test_json_escapes(void)
{
    static const ocitar_pair labels[] = {
        { "e", "\b\t\n\f\r\"\\/\x01\x0B\x0E\x1F \x7F<\xE2\x80\xA8>", 0, 0 },
        { "n\0k", "v\0w", 3, 3 },
        { "cut off", "cut off", 3, 3 }
    };

    labels_are(labels, 3,
               "\"cut\":\"cut\","
               "\"e\":\"\\b\\t\\n\\f\\r\\\"\\\\/\\u0001\\u000b\\u000e\\u001f "
               "\x7F<\xE2\x80\xA8>\",\"n\\u0000k\":\"v\\u0000w\"");
}

static void test_utf8_taken(void)
{
    static const char *const all[] = {
        "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xE1\x80\x80",
        "\xEC\xBF\xBF", "\xED\x80\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF3\xBF\xBF\xBF",
        "\xF4\x80\x80\x80", "\xF4\x8F\xBF\xBF"
    };
    ocitar_image_desc d = image_desc(NULL);
    char text[64];
    fixture f;
    size_t i;
    item it;

    for (i = 0; i < sizeof all / sizeof all[0]; i++) {
        d.author = all[i];
        CHECK_CODE(image_whole(&f, &d), OCITAR_OK);
        it = config_of(&f.out);
        snprintf(text, sizeof text, ",\"author\":\"%s\",", all[i]);
        CHECK(strstr(it.body, text) != NULL);
        stop(&f);
    }
}

static void test_utf8_refused(void)
{
    static const char *const all[] = {
        "\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2 ", "\xC2\xC2",
        "\xC2\x7F", "\xDF\xC0", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xE1\x80",
        "\xE1\x80\xC0", "\xE1\xC0\x80", "\xE1\x80 ", "\xED\xA0\x80",
        "\xED\xBF\xBF", "\xEF\xBF", "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF",
        "\xF0\x90\x80", "\xF0\x90\x80 ", "\xF1\x80\xC0\x80", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xF8\x88\x80\x80\x80", "\xFE", "\xFF", "ok\xE2\x82"
    };
    ocitar_image_desc d = image_desc(NULL);
    fixture f;
    size_t i;

    for (i = 0; i < sizeof all / sizeof all[0]; i++) {
        d.author = all[i];
        CHECK_CODE(image_whole(&f, &d), OCITAR_E_UTF8);
        CHECK(ocitar_archive_error(&f.archive)->code == OCITAR_E_UTF8);
        CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_UTF8);
        stop(&f);
    }
}

#define BAD "\xFF"

/* One after the other, each string of a description is no UTF-8. */
static int utf8_place(ocitar_image_desc *d, int place)
{
    static const char *const strings[] = { BAD };
    static const char *const env[] = { "A=" BAD };
    static const ocitar_pair key[] = { { BAD, "v", 0, 0 } };
    static const ocitar_pair value[] = { { "k", BAD, 0, 0 } };
    static ocitar_history h[1];

    memset(h, 0, sizeof h);
    switch (place) {
    case 0: d->platform.architecture = BAD; return 1;
    case 1: d->platform.os = BAD; return 1;
    case 2: d->platform.variant = BAD; return 1;
    case 3: d->platform.os_version = BAD; return 1;
    case 4: d->platform.os_features = strings;
            d->platform.os_feature_count = 1; return 1;
    case 5: d->author = BAD; return 1;
    case 6: d->user = BAD; return 1;
    case 7: d->working_dir = BAD; return 1;
    case 8: d->stop_signal = BAD; return 1;
    case 9: d->entrypoint = strings; d->entrypoint_count = 1; return 1;
    case 10: d->cmd = strings; d->cmd_count = 1; return 1;
    case 11: d->env = env; d->env_count = 1; return 1;
    case 12: d->ports = strings; d->port_count = 1; return 1;
    case 13: d->volumes = strings; d->volume_count = 1; return 1;
    case 14: d->labels = key; d->label_count = 1; return 1;
    case 15: d->labels = value; d->label_count = 1; return 1;
    case 16: d->annotations = key; d->annotation_count = 1; return 1;
    case 17: d->annotations = value; d->annotation_count = 1; return 1;
    case 18: d->descriptor_annotations = key;
             d->descriptor_annotation_count = 1; return 1;
    case 19: d->descriptor_annotations = value;
             d->descriptor_annotation_count = 1; return 1;
    case 20: h[0].created_by = BAD; break;
    case 21: h[0].comment = BAD; break;
    case 22: h[0].author = BAD; break;
    default: return 0;
    }
    d->history = h;
    d->history_count = 1;
    return 1;
}

static void test_utf8_everywhere(void)
{
    ocitar_image_desc d = image_desc(NULL);
    fixture f;
    item it;
    int place;

    for (place = 0; utf8_place(&d, place); place++) {
        /* a port (12) is refused for what it is before that */
        CHECK_CODE(image_whole(&f, &d),
                   place == 12 ? OCITAR_E_ARG : OCITAR_E_UTF8);
        CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
        CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
        CHECK(tar_find(&f.out, "oci-layout", &it) == 0);
        stop(&f);
        d = image_desc(NULL);
    }
    CHECK(place == 23);
}

static void refuse_index(const ocitar_pair *notes, size_t count, int code)
{
    fixture f;

    memset(&f, 0, sizeof f);
    start_layout(&f, NULL, 0);
    CHECK_CODE(index_begin(&f, 1, 0, notes, count), OCITAR_OK);
    CHECK_CODE(ocitar_index_end(&f.index), code);
    CHECK_CODE(ocitar_index_end(&f.index), code);
    CHECK_CODE(ocitar_archive_finish(&f.archive), code);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
    stop_whole(&f, 2); /* all three files, or none */
}

static void test_index_annotations_refused(void)
{
    static const ocitar_pair key[] = { { BAD, "v", 0, 0 } };
    static const ocitar_pair twice[] = { { "k", "v", 0, 0 },
                                         { "l", "v", 0, 0 },
                                         { "kk", "w", 1, 0 } };

    refuse_index(key, 1, OCITAR_E_UTF8);
    refuse_index(twice, 3, OCITAR_E_DUPLICATE);
    refuse_index(NULL, 1, OCITAR_E_ARG);
}

static void refuse_image(const ocitar_image_desc *d, int code)
{
    fixture f;

    CHECK_CODE(image_whole(&f, d), code);
    CHECK_CODE(ocitar_archive_finish(&f.archive), code);
    CHECK(ocitar_archive_error(&f.archive)->code == code);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    stop(&f);
}

static void test_duplicates(void)
{
    static const ocitar_pair twice[] = { { "b", "1", 0, 0 },
                                         { "a", "2", 0, 0 },
                                         { "b", "1", 0, 0 } };
    static const char *const strings[] = { "80", "81", "80" };
    static const char *const own[] = {
        "io.containerd.image.name", "org.opencontainers.image.ref.name"
    };
    ocitar_pair pair = OCITAR_ZERO;
    ocitar_image_desc d = image_desc("x:a");
    fixture f;
    size_t i;

    d.labels = twice;
    d.label_count = 3;
    refuse_image(&d, OCITAR_E_DUPLICATE);
    d = image_desc("x:a");
    d.annotations = twice;
    d.annotation_count = 3;
    refuse_image(&d, OCITAR_E_DUPLICATE);
    d = image_desc("x:a");
    d.descriptor_annotations = twice;
    d.descriptor_annotation_count = 3;
    refuse_image(&d, OCITAR_E_DUPLICATE);
    d = image_desc("x:a");
    d.ports = strings;
    d.port_count = 3;
    refuse_image(&d, OCITAR_E_DUPLICATE);
    d = image_desc("x:a");
    d.volumes = strings;
    d.volume_count = 3;
    refuse_image(&d, OCITAR_E_DUPLICATE);
    for (i = 0; i < 2; i++) {
        d = image_desc("x:a");
        pair.key = own[i];
        pair.value = "mine";
        d.descriptor_annotations = &pair;
        d.descriptor_annotation_count = 1;
        refuse_image(&d, OCITAR_E_DUPLICATE);
        d.reference = NULL; /* then the keys are free */
        CHECK_CODE(image_whole(&f, &d), OCITAR_OK);
        stop_whole(&f, 7);
    }
}

static void test_arguments_refused(void)
{
    static const char *const bad_env[] = { "A=b", "NOVALUE" };
    static const char *const no_name[] = { "=b" };
    static const char *const empty[] = { "" };
    static const char *const null[] = { "a", NULL };
    ocitar_image_desc d = image_desc(NULL);
    fixture f;

    d.env = bad_env;
    d.env_count = 2;
    refuse_image(&d, OCITAR_E_ARG);
    d.env = no_name;
    d.env_count = 1;
    refuse_image(&d, OCITAR_E_ARG);
    d.env = empty;
    refuse_image(&d, OCITAR_E_ARG);
    d.env = NULL;
    refuse_image(&d, OCITAR_E_ARG);
    d.env = null + 1;
    refuse_image(&d, OCITAR_E_ARG);
    d = image_desc(NULL);
    d.cmd = null;
    d.cmd_count = 2;
    refuse_image(&d, OCITAR_E_ARG);
    d.cmd = NULL;
    refuse_image(&d, OCITAR_E_ARG);
    d = image_desc(NULL);
    d.label_count = 1;
    refuse_image(&d, OCITAR_E_ARG);
    d = image_desc(NULL);
    d.port_count = 1;
    refuse_image(&d, OCITAR_E_ARG);
    d = image_desc(NULL);
    d.history_count = 1;
    refuse_image(&d, OCITAR_E_ARG);
    d = image_desc(NULL);
    d.platform.os_feature_count = 1;
    refuse_image(&d, OCITAR_E_ARG);
    refuse_image(NULL, OCITAR_E_ARG);
    CHECK_CODE(image_whole(&f, NULL), OCITAR_E_ARG);
    stop(&f);
}

/* ---- times ---- */

static void created_is(int64_t seconds, uint32_t nanoseconds,
                       const char *want)
{
    ocitar_image_desc d = image_desc(NULL);
    char text[80];
    fixture f;
    item it;

    d.created.set = 1;
    d.created.seconds = seconds;
    d.created.nanoseconds = nanoseconds;
    if (want == NULL) {
        refuse_image(&d, OCITAR_E_RANGE);
        return;
    }
    CHECK_CODE(image_whole(&f, &d), OCITAR_OK);
    it = config_of(&f.out);
    snprintf(text, sizeof text, "\"created\":\"%s\"", want);
    CHECK(strstr(it.body, text) != NULL);
    stop(&f);
}

static void test_created(void)
{
    created_is(0, 0, "1970-01-01T00:00:00Z");
    created_is(-1, 0, "1969-12-31T23:59:59Z");
    created_is(-1, 999999999, "1969-12-31T23:59:59.999999999Z");
    created_is(951782400, 0, "2000-02-29T00:00:00Z");
    created_is(951868800, 0, "2000-03-01T00:00:00Z");
    created_is(4107542400, 0, "2100-03-01T00:00:00Z");
    created_is(4107456000, 0, "2100-02-28T00:00:00Z");
    created_is(1700000000, 1, "2023-11-14T22:13:20.000000001Z");
    created_is(1700000000, 100000000, "2023-11-14T22:13:20.1Z");
    created_is(1700000000, 10, "2023-11-14T22:13:20.00000001Z");
    created_is(-62167219200, 0, "0000-01-01T00:00:00Z");
    created_is(-62162121600, 0, "0000-02-29T00:00:00Z");
    created_is(253402300799, 500000000, "9999-12-31T23:59:59.5Z");
    created_is(253402300799, 999999999, "9999-12-31T23:59:59.999999999Z");
    created_is(253402300800, 0, NULL);
    created_is(-62167219201, 999999999, NULL);
    created_is(INT64_MAX, 0, NULL);
    created_is(INT64_MIN, 0, NULL);
    created_is(0, 1000000000, NULL);
}

static int is_leap(int y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

/* The first and last day of each month of all 10000 years, counted naively. */
static void test_every_month(void)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30,
                                31, 31, 30, 31, 30, 31 };
    enum { ALL = 10000 * 12 * 2 };
    ocitar_history *h = (ocitar_history *)calloc(ALL, sizeof *h);
    ocitar_image_desc d = image_desc(NULL);
    int64_t day = 0;
    int y, m, n = 0, right = 0;
    const char *p;
    char want[32];
    fixture f;
    item it;

    if (h == NULL)
        abort();
    for (y = 0; y < 10000; y++)
        for (m = 0; m < 12; m++) {
            h[n].created.set = 1;
            h[n++].created.seconds = -62167219200 + day * 86400;
            day += days[m] + (m == 1 && is_leap(y));
            h[n].created.set = 1;
            h[n++].created.seconds = -62167219200 + day * 86400 - 1;
        }
    CHECK(h[ALL - 1].created.seconds == 253402300799);
    d.history = h;
    d.history_count = ALL;
    CHECK_CODE(image_whole(&f, &d), OCITAR_OK);
    it = config_of(&f.out);
    p = strstr(it.body, "\"history\":[") + 10;
    for (n = 0; n < ALL; n++) {
        y = n / 24;
        m = n / 2 % 12;
        snprintf(want, sizeof want, n % 2 ? "%04d-%02d-%02dT23:59:59Z"
                                          : "%04d-%02d-%02dT00:00:00Z",
                 y, m + 1,
                 n % 2 == 0 ? 1 : days[m] + (m == 1 && is_leap(y)));
        right += memcmp(p + 13, want, 20) == 0; /* ,{"created":" */
        p += 13 + 20 + 2;
    }
    CHECK(right == ALL);
    free(h);
    stop(&f);
}

static void test_history_created_range(void)
{
    ocitar_history h = OCITAR_ZERO;
    ocitar_image_desc d = image_desc(NULL);

    h.created.set = 1;
    h.created.seconds = 253402300800;
    d.history = &h;
    d.history_count = 1;
    refuse_image(&d, OCITAR_E_RANGE);
}

/* ---- the pool, and states ---- */

static void test_pool_full(void)
{
    ocitar_image_desc d = image_desc("x:a");
    fixture f;

    start_capacity(&f, 0);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_E_LIMIT);
    stop(&f);
    start_capacity(&f, 2);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(add_layer(&f, "one"), OCITAR_OK);
    CHECK_CODE(add_layer(&f, "two"), OCITAR_E_LIMIT);
    CHECK(ocitar_archive_error(&f.archive)->expected_size == 2);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_image_abandon(&f.image), OCITAR_OK);
    CHECK(ocitar_archive_error(&f.archive)->code == OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(add_layer(&f, "one"), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_image_abandon(&f.image), OCITAR_OK);
    CHECK_CODE(finish_index(&f), OCITAR_OK);
    stop_whole(&f, 2 + 3 + 2 + 3);
}

static void test_image_abandon(void)
{
    ocitar_image_desc d = image_desc("x:a");
    fixture f;
    item it;

    start_capacity(&f, 3);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(add_layer(&f, "one"), OCITAR_OK);
    CHECK_CODE(add_layer(&f, "two"), OCITAR_OK);
    CHECK_CODE(ocitar_image_abandon(&f.image), OCITAR_OK);
    CHECK_CODE(ocitar_image_abandon(&f.image), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_STATE);
    CHECK_CODE(add_layer(&f, "two"), OCITAR_E_STATE);
    CHECK(ocitar_image_descriptor(&f.image) == NULL);
    d.reference = "x:b";
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(add_layer(&f, "three"), OCITAR_OK);
    CHECK_CODE(add_layer(&f, "four"), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_abandon(&f.image), OCITAR_E_STATE);
    CHECK_CODE(finish_index(&f), OCITAR_OK);
    CHECK(tar_find(&f.out, "index.json", &it) == 1 &&
          strstr(it.body, "x:a") == NULL && strstr(it.body, "x:b") != NULL);
    stop_whole(&f, 2 + 5 + 2 + 3);
}

static void test_one_open_image(void)
{
    ocitar_image_desc d = image_desc("x:a");
    ocitar_image second;
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&second, &f.index, &d), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_end(&second), OCITAR_E_STATE);
    CHECK_CODE(add_layer(&f, "one"), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_abandon(&second), OCITAR_OK);
    CHECK_CODE(finish_index(&f), OCITAR_OK);
    stop_whole(&f, 8);
}

static void test_end_with_open_image(void)
{
    ocitar_image_desc d = image_desc("x:a");
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_STATE);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_OK);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_E_STATE);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_STATE);
    stop_whole(&f, 7);
}

static void test_index_abandon(void)
{
    ocitar_image_desc d = image_desc("x:a");
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_abandon(&f.image), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_STATE);
    CHECK_CODE(index_begin(&f, 1, 0, NULL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(finish_index(&f), OCITAR_OK);
    stop_whole(&f, 7);
}

/* An abandoned parent with an erroneous child, whichever goes first. */
static void test_index_abandon_with_errors(void)
{
    ocitar_image_desc d = image_desc("bad reference");
    ocitar_image second;
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_E_ARG);
    CHECK_CODE(ocitar_image_begin(&second, &f.index, &d), OCITAR_E_ARG);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
    ocitar_image_abandon(&f.image);
    ocitar_image_abandon(&second);
    CHECK_CODE(index_begin(&f, 1, 0, NULL, 0), OCITAR_OK);
    CHECK_CODE(finish_index(&f), OCITAR_OK);
    stop_whole(&f, 5);
}

static void test_one_index(void)
{
    ocitar_index second;
    ocitar_index_desc d = OCITAR_ZERO;
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_index_begin(&second, &f.layout, &d), OCITAR_E_STATE);
    ocitar_index_abandon(&second);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_OK);
    CHECK_CODE(ocitar_index_begin(&second, &f.layout, &d), OCITAR_E_STATE);
    ocitar_index_abandon(&second);
    stop_whole(&f, 5);
}

/* An index that was given up, or that never began, leaves its place. */
static void test_index_place_is_left(void)
{
    ocitar_index second;
    ocitar_index_desc d = OCITAR_ZERO;
    fixture f;
    item it;

    start(&f);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
    CHECK_CODE(ocitar_index_begin(&second, &f.layout, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_index_abandon(&second), OCITAR_OK);
    CHECK_CODE(ocitar_index_begin(&second, &f.layout, &d), OCITAR_OK);
    CHECK_CODE(index_begin(&f, POOL, 0, NULL, 0), OCITAR_E_STATE);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
    CHECK_CODE(index_begin(&f, POOL, 0, NULL, 0), OCITAR_E_STATE);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
    CHECK_CODE(ocitar_index_end(&second), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    CHECK(tar_find(&f.out, "index.json", &it) == 1);
    stop_whole(&f, 5);
}

static void test_index_begin_arguments(void)
{
    ocitar_index_desc d = OCITAR_ZERO;
    fixture f;

    memset(&f, 0, sizeof f);
    start_layout(&f, NULL, 0);
    CHECK_CODE(ocitar_index_begin(&f.index, &f.layout, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_ARG);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
    d.capacity = 1;
    CHECK_CODE(ocitar_index_begin(&f.index, &f.layout, &d), OCITAR_E_ARG);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
    d.capacity = 0;
    CHECK_CODE(ocitar_layout_init(&f.layout), OCITAR_OK);
    CHECK_CODE(ocitar_index_begin(&f.index, &f.layout, &d), OCITAR_OK);
    CHECK_CODE(finish_index(&f), OCITAR_OK);
    stop_whole(&f, 5);
}

static void test_image_layer_arguments(void)
{
    ocitar_image_desc d = image_desc("x:a");
    ocitar_descriptor good = OCITAR_ZERO, bad;
    fixture f;
    int i;

    good.media_type = "application/x";
    CHECK_CODE(ocitar_digest_of(&good.digest, OCITAR_SHA256, "", 0),
               OCITAR_OK);
    good.diff_id = good.digest;
    for (i = 0; i < 4; i++) {
        bad = good;
        if (i == 0)
            bad.media_type = NULL;
        else if (i == 1)
            memset(&bad.digest, 0, sizeof bad.digest);
        else
            memset(&bad.diff_id, 0, sizeof bad.diff_id);
        start(&f);
        CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
        CHECK_CODE(ocitar_image_layer(&f.image, i == 3 ? NULL : &bad),
                   OCITAR_E_ARG);
        CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_ARG);
        CHECK_CODE(ocitar_image_abandon(&f.image), OCITAR_OK);
        CHECK_CODE(finish_index(&f), OCITAR_OK);
        stop_whole(&f, 5);
    }
}

/* A blob owns the tail: the ends of image and index may be tried again. */
static void test_busy(void)
{
    ocitar_image_desc d = image_desc("x:a");
    ocitar_blob owner;
    fixture f;

    memset(&f, 0, sizeof f);
    start_layout(&f, NULL, 0);
    CHECK_CODE(ocitar_blob_begin(&owner, &f.layout, 0, NULL), OCITAR_OK);
    CHECK_CODE(index_begin(&f, 1, 0, NULL, 0), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&owner, 0, NULL), OCITAR_OK);
    CHECK_CODE(index_begin(&f, 1, 0, NULL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&owner, &f.layout, 0, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_write(&owner, "1", 1), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&owner, 1, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&owner, &f.layout, 0, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_close(&owner), OCITAR_OK);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_OK);
    stop_whole(&f, 2 + 2 + 2 + 3);
}

static void test_sink_fails(void)
{
    ocitar_image_desc d = image_desc("x:a");
    fixture f;
    int n, e;

    for (n = 1; n <= 2; n++) {
        memset(&f, 0, sizeof f);
        start_layout(&f, NULL, 0);
        f.out.fail_at = n;
        f.out.code = 28;
        e = index_begin(&f, 1, 0, NULL, 0);
        if (e == OCITAR_OK)
            e = ocitar_image_begin(&f.image, &f.index, &d);
        if (e == OCITAR_OK)
            e = ocitar_image_end(&f.image);
        if (e == OCITAR_OK)
            e = finish_index(&f);
        CHECK_CODE(e, OCITAR_E_SINK);
        CHECK(ocitar_archive_error(&f.archive)->user_code == 28);
        CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_SINK);
        CHECK_CODE(ocitar_index_end(&f.index), OCITAR_E_SINK);
        ocitar_index_abandon(&f.index);
        CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_SINK);
        stop(&f);
    }
}

static int hook_refuse(void *user, ocitar_entry *entry)
{
    return strcmp(entry->name, (const char *)user) == 0 ? 41 : 0;
}

static void test_hook_refuses(void)
{
    static char name[] = "manifest.json";
    ocitar_archive_desc a = OCITAR_ZERO;
    fixture f;

    memset(&f, 0, sizeof f);
    a.buffer = f.buffer;
    a.buffer_size = sizeof f.buffer;
    a.sink.put_fn = check_put;
    a.sink.user = &f.out;
    a.hook_fn = hook_refuse;
    a.hook_user = name;
    CHECK_CODE(ocitar_archive_begin(&f.archive, &a), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&f.layout, &f.archive, NULL), OCITAR_OK);
    CHECK_CODE(index_begin(&f, 1, 0, NULL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_E_HOOK);
    CHECK(ocitar_archive_error(&f.archive)->user_code == 41);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_HOOK);
    stop(&f);
}

/* ---- metadata first ---- */

static int play(fixture *f, const char *author, const char *second, int last)
{
    ocitar_image_desc d = image_desc("x:a");
    ocitar_index_desc id = OCITAR_ZERO;
    int e;

    id.descriptors = f->pool;
    id.capacity = POOL;
    id.metadata_first = 1;
    d.author = author;
    e = ocitar_index_begin(&f->index, &f->layout, &id);
    if (e == OCITAR_OK)
        e = ocitar_image_begin(&f->image, &f->index, &d);
    if (e == OCITAR_OK)
        e = add_layer(f, "one");
    if (e == OCITAR_OK && second != NULL)
        e = add_layer(f, second);
    if (e == OCITAR_OK)
        e = ocitar_image_end(&f->image);
    if (e == OCITAR_OK && last) {
        d.reference = "x:b";
        e = ocitar_image_begin(&f->image, &f->index, &d);
        if (e == OCITAR_OK)
            e = ocitar_image_end(&f->image);
    }
    return e == OCITAR_OK ? finish_index(f) : e;
}

static void start_rehearsed(fixture *f, ocitar_rehearsal *r)
{
    ocitar_layout_desc l = OCITAR_ZERO;

    memset(f, 0, sizeof *f);
    memset(r, 0, sizeof *r);
    l.rehearsal = r;
    start_layout(f, &l, 1);
    CHECK_CODE(play(f, "first", "two", 1), OCITAR_OK);
    ocitar_rehearsal_play(r);
    start_layout(f, &l, 0);
}

static void test_metadata_first(void)
{
    static const char *const names[] = { "blobs/", "blobs/sha256/",
                                         "oci-layout", "manifest.json",
                                         "index.json" };
    ocitar_rehearsal r;
    fixture f;
    size_t at = 0, i;
    uint64_t size;
    item it;

    start_rehearsed(&f, &r);
    CHECK_CODE(play(&f, "first", "two", 1), OCITAR_OK);
    for (i = 0; i < 5; i++)
        CHECK(tar_next(&f.out, &at, &it) && strcmp(it.name, names[i]) == 0);
    CHECK(it.size > 300 && strstr(it.body, "x:a") != NULL);
    CHECK(tar_next(&f.out, &at, &it) &&
          strncmp(it.body, "{\"architecture\"", 15) == 0);
    CHECK(tar_next(&f.out, &at, &it) &&
          strncmp(it.body, "{\"config\"", 9) == 0);
    CHECK(tar_next(&f.out, &at, &it) && it.size == 3 &&
          memcmp(it.body, "one", 3) == 0);
    CHECK(tar_next(&f.out, &at, &it) && memcmp(it.body, "two", 3) == 0);
    CHECK(ocitar_image_descriptor(&f.image) == &f.pool[3]);
    size = ocitar_archive_size(&f.archive);
    CHECK(size == f.out.len);
    stop_whole(&f, 2 + 3 + 2 + 2 + 2);
}

static void test_metadata_first_changes(void)
{
    ocitar_rehearsal r;
    fixture f;

    start_rehearsed(&f, &r);
    CHECK_CODE(play(&f, "other", "two", 1), OCITAR_E_CHANGED);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_CHANGED);
    stop(&f);
    start_rehearsed(&f, &r);
    CHECK_CODE(play(&f, "first", "TWO", 1), OCITAR_E_CHANGED);
    stop(&f);
    start_rehearsed(&f, &r);
    CHECK_CODE(play(&f, "first", NULL, 1), OCITAR_E_CHANGED);
    stop(&f);
    start_rehearsed(&f, &r);
    CHECK_CODE(play(&f, "first", "two", 0), OCITAR_E_CHANGED);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_CHANGED);
    stop(&f);
}

/* An index that is out cannot be taken back: what it names is missing. */
static void test_metadata_first_given_up(void)
{
    ocitar_index_desc id = OCITAR_ZERO;
    ocitar_rehearsal r;
    fixture f;

    start_rehearsed(&f, &r);
    id.descriptors = f.pool;
    id.capacity = POOL;
    id.metadata_first = 1;
    CHECK_CODE(ocitar_index_begin(&f.index, &f.layout, &id), OCITAR_OK);
    CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_STATE);
    CHECK(ocitar_archive_error(&f.archive)->subject != NULL);
    stop(&f);
}

/* The pool is smaller in the second run, or holds fewer images. */
static void test_metadata_first_pool(void)
{
    ocitar_index_desc id = OCITAR_ZERO;
    ocitar_image_desc d = image_desc("x:c");
    ocitar_rehearsal r;
    fixture f;

    start_rehearsed(&f, &r);
    id.descriptors = f.pool;
    id.capacity = 2;
    id.metadata_first = 1;
    CHECK_CODE(ocitar_index_begin(&f.index, &f.layout, &id),
               OCITAR_E_CHANGED);
    stop(&f);
    start_rehearsed(&f, &r);
    CHECK_CODE(play(&f, "first", "two", 1), OCITAR_OK);
    ocitar_rehearsal_play(&r);
    stop(&f);
    start_rehearsed(&f, &r);
    id.capacity = POOL;
    CHECK_CODE(ocitar_index_begin(&f.index, &f.layout, &id), OCITAR_OK);
    f.pool[2].kind = f.pool[3].kind = 0;
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_E_CHANGED);
    stop(&f);
}

static void test_metadata_first_arguments(void)
{
    fixture f;

    memset(&f, 0, sizeof f);
    start_layout(&f, NULL, 0); /* without a rehearsal */
    CHECK_CODE(play(&f, "first", NULL, 0), OCITAR_E_ARG);
    stop(&f);
}

/* ---- objects that were never begun ---- */

static void test_zero_objects(void)
{
    ocitar_descriptor layer = OCITAR_ZERO;
    ocitar_index_desc id = OCITAR_ZERO;
    ocitar_image_desc d = image_desc(NULL);
    ocitar_layout layout;
    ocitar_index index;
    ocitar_image image;

    memset(&layout, 0, sizeof layout);
    memset(&index, 0, sizeof index);
    memset(&image, 0, sizeof image);
    CHECK_CODE(ocitar_index_end(&index), OCITAR_E_STATE);
    CHECK_CODE(ocitar_index_abandon(&index), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_layer(&image, &layer), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_end(&image), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_abandon(&image), OCITAR_E_STATE);
    CHECK(ocitar_image_descriptor(&image) == NULL);
    CHECK_CODE(ocitar_image_begin(&image, &index, &d), OCITAR_E_STATE);
    CHECK_CODE(ocitar_image_end(&image), OCITAR_E_STATE);
    CHECK_CODE(ocitar_index_begin(&index, &layout, &id), OCITAR_E_STATE);
    CHECK_CODE(ocitar_index_end(&index), OCITAR_E_STATE);
    CHECK_CODE(ocitar_index_begin(NULL, &layout, &id), OCITAR_E_ARG);
    CHECK_CODE(ocitar_index_begin(&index, NULL, &id), OCITAR_E_ARG);
    CHECK_CODE(ocitar_index_end(NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_index_abandon(NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_image_begin(NULL, &index, &d), OCITAR_E_ARG);
    CHECK_CODE(ocitar_image_begin(&image, NULL, &d), OCITAR_E_ARG);
    CHECK_CODE(ocitar_image_layer(NULL, &layer), OCITAR_E_ARG);
    CHECK_CODE(ocitar_image_end(NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_image_abandon(NULL), OCITAR_E_ARG);
}

static void test_documents(void)
{
    test_empty_index();
    test_smallest_image();
    test_full_image();
    test_order_of_entries();
    test_layer_descriptor();
    test_two_images();
    test_image_descriptor();
    test_no_docker();
    test_sha512();
    test_default_architecture();
    test_same_image_twice();
    test_json_key_order();
    test_json_escapes();
    test_utf8_taken();
    test_utf8_refused();
    test_utf8_everywhere();
    test_index_annotations_refused();
    test_duplicates();
    test_arguments_refused();
    test_created();
    test_every_month();
    test_history_created_range();
}

static void test_states(void)
{
    test_pool_full();
    test_image_abandon();
    test_one_open_image();
    test_end_with_open_image();
    test_index_abandon();
    test_index_abandon_with_errors();
    test_one_index();
    test_index_place_is_left();
    test_index_begin_arguments();
    test_image_layer_arguments();
    test_busy();
    test_sink_fails();
    test_hook_refuses();
    test_metadata_first();
    test_metadata_first_changes();
    test_metadata_first_given_up();
    test_metadata_first_pool();
    test_metadata_first_arguments();
    test_zero_objects();
}

int main(void)
{
    test_references_taken();
    test_references_of_registries();
    test_references_refused();
    test_reference_tag_length();
    test_reference_with_digest();
    test_documents();
    test_states();
    test_reference_is_not_overrun();
    return check_done();
}
