/* test_artifact - artifacts, subjects, and configs that come as they are. */

#include "ocitar.h"
#include "check.h"

#define EMPTY "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define EMPTY_TEXT                                                            \
    "{\"data\":\"e30=\",\"digest\":\"sha256:" EMPTY                           \
    "\",\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"size\":2}"

enum { POOL = 8 };

typedef struct fixture {
    check_sink out;
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_index index;
    ocitar_image image;
    ocitar_descriptor pool[POOL];
    unsigned char buffer[512];
} fixture;

static void start(fixture *f)
{
    ocitar_archive_desc a = OCITAR_ZERO;
    ocitar_index_desc d = OCITAR_ZERO;

    memset(f, 0, sizeof *f);
    a.buffer = f->buffer;
    a.buffer_size = sizeof f->buffer;
    a.sink.put_fn = check_put;
    a.sink.user = &f->out;
    d.descriptors = f->pool;
    d.capacity = POOL;
    CHECK_CODE(ocitar_archive_begin(&f->archive, &a), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&f->layout, &f->archive, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_index_begin(&f->index, &f->layout, &d), OCITAR_OK);
}

static void finish(fixture *f)
{
    CHECK_CODE(ocitar_index_end(&f->index), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f->archive), OCITAR_OK);
}

static void stop(fixture *f)
{
    free(f->out.data);
}

static size_t size_of(const unsigned char *header)
{
    char text[12];

    memcpy(text, header + 124, 11);
    text[11] = 0;
    return strtoul(text, NULL, 8);
}

/* The bytes of the entry with that name, as a string; NULL if there is none.
   Counts how often it is there. */
static const char *body_of(const fixture *f, const char *name, int *count)
{
    static char text[4][4096];
    static int turn;
    char *found = NULL;
    size_t at, size;

    *count = 0;
    for (at = 0; at + 512 <= f->out.len; at += 512 + (size + 511) / 512 * 512) {
        const unsigned char *h = f->out.data + at;

        size = h[0] == 0 ? 0 : size_of(h);
        if (strncmp((const char *)h, name, 100) != 0)
            continue;
        ++*count;
        found = text[turn++ & 3];
        CHECK(size < sizeof text[0]);
        memcpy(found, h + 512, size);
        found[size] = 0;
    }
    return found;
}

static const char *blob_of(const fixture *f, const ocitar_digest *digest)
{
    char name[6 + OCITAR_DIGEST_TEXT_MAX];
    int count;
    const char *body;

    memcpy(name, "blobs/", 6);
    ocitar_digest_format(digest, name + 6);
    name[12] = '/';
    body = body_of(f, name, &count);
    CHECK(count == 1);
    return body == NULL ? "" : body;
}

static ocitar_descriptor blob(fixture *f, const char *body)
{
    ocitar_descriptor d = OCITAR_ZERO;

    d.media_type = "text/plain";
    d.size = strlen(body);
    CHECK_CODE(ocitar_blob_put(&f->layout, 0, body, strlen(body), &d.digest),
               OCITAR_OK);
    return d;
}

static void test_artifact(void)
{
    ocitar_image_desc d = OCITAR_ZERO;
    ocitar_descriptor layer;
    fixture f;
    int count;

    start(&f);
    d.artifact_type = "application/x.thing";
    d.author = "not read";
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    layer = blob(&f, "abc");
    CHECK_CODE(ocitar_image_layer(&f.image, &layer), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    finish(&f);
    CHECK(strcmp(blob_of(&f, &ocitar_image_descriptor(&f.image)->digest),
                 "{\"artifactType\":\"application/x.thing\",\"config\":"
                 EMPTY_TEXT ",\"layers\":[{\"digest\":\"sha256:ba7816bf8f01cfea"
                 "414140de5dae2223b00361a396177a9cb410ff61f20015ad\","
                 "\"mediaType\":\"text/plain\",\"size\":3}],\"mediaType\":"
                 "\"application/vnd.oci.image.manifest.v1+json\","
                 "\"schemaVersion\":2}") == 0);
    CHECK(strcmp(body_of(&f, "blobs/sha256/" EMPTY, &count), "{}") == 0);
    CHECK(count == 1);
    CHECK(strcmp(body_of(&f, "manifest.json", &count), "[]") == 0);
    CHECK(strstr(body_of(&f, "index.json", &count),
                 "{\"artifactType\":\"application/x.thing\",\"digest\":") !=
          NULL);
    CHECK(strstr(body_of(&f, "index.json", &count), "platform") == NULL);
    stop(&f);
}

/* A manifest should have a layer; what it lists must be in the layout. */
static void test_artifact_of_nothing(void)
{
    ocitar_image_desc d = OCITAR_ZERO;
    fixture f;

    start(&f);
    d.artifact_type = "application/x.thing";
    d.platform.architecture = "arm";
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    finish(&f);
    CHECK(strstr(blob_of(&f, &ocitar_image_descriptor(&f.image)->digest),
                 "\"layers\":[" EMPTY_TEXT "]") != NULL);
    CHECK(strcmp(ocitar_image_descriptor(&f.image)->platform.architecture,
                 "arm") == 0);
    stop(&f);
}

/* The empty config is written once, though there is no key set. */
static void test_artifacts_share_the_empty(void)
{
    ocitar_image_desc d = OCITAR_ZERO;
    ocitar_image second;
    fixture f;
    int count;

    start(&f);
    d.artifact_type = "application/x.thing";
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    d.artifact_type = "application/x.other";
    d.subject = ocitar_image_descriptor(&f.image);
    CHECK_CODE(ocitar_image_begin(&second, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&second), OCITAR_OK);
    finish(&f);
    body_of(&f, "blobs/sha256/" EMPTY, &count);
    CHECK(count == 1);
    CHECK(ocitar_digest_equal(&ocitar_image_descriptor(&second)->diff_id,
                              &ocitar_image_descriptor(&f.image)->diff_id));
    stop(&f);
}

static void test_subject(void)
{
    ocitar_image_desc d = OCITAR_ZERO;
    ocitar_descriptor subject = OCITAR_ZERO;
    char want[512], digest[OCITAR_DIGEST_TEXT_MAX];
    fixture f;

    start(&f);
    subject.media_type = "application/vnd.oci.image.manifest.v1+json";
    subject.size = 12;
    subject.artifact_type = "not written here";
    CHECK_CODE(ocitar_digest_of(&subject.digest, OCITAR_SHA256, "s", 1),
               OCITAR_OK);
    ocitar_digest_format(&subject.digest, digest);
    d.artifact_type = "application/x.thing";
    d.subject = &subject;
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    finish(&f);
    snprintf(want, sizeof want,
             ",\"schemaVersion\":2,\"subject\":{\"digest\":\"%s\","
             "\"mediaType\":\"%s\",\"size\":12}}",
             digest, subject.media_type);
    CHECK(strstr(blob_of(&f, &ocitar_image_descriptor(&f.image)->digest),
                 want) != NULL);
    stop(&f);
}

/* Byte for byte: neither sorted nor checked. */
static void test_config_as_it_is(void)
{
    static const char config[] = "{ \"os\": 1,\t\"a\":2 }\n";
    ocitar_image_desc d = OCITAR_ZERO;
    fixture f;

    start(&f);
    d.config = config;
    d.config_len = sizeof config - 1;
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    finish(&f);
    CHECK(strcmp(blob_of(&f, &ocitar_image_descriptor(&f.image)->diff_id),
                 config) == 0);
    CHECK(strstr(blob_of(&f, &ocitar_image_descriptor(&f.image)->digest),
                 "\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
                 "\"size\":19}") != NULL);
    stop(&f);
}

static void test_config_of_an_artifact(void)
{
    ocitar_image_desc d = OCITAR_ZERO;
    fixture f;
    int count;

    start(&f);
    d.artifact_type = "application/x.thing";
    d.config = "cfg";
    d.config_len = 3;
    d.config_media_type = "application/x.config";
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_OK);
    finish(&f);
    CHECK(strstr(blob_of(&f, &ocitar_image_descriptor(&f.image)->digest),
                 "\"mediaType\":\"application/x.config\",\"size\":3},"
                 "\"layers\":[],") != NULL);
    body_of(&f, "blobs/sha256/" EMPTY, &count);
    CHECK(count == 0);
    stop(&f);
}

static void refused(const ocitar_image_desc *d, int code)
{
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, d), code);
    CHECK(ocitar_archive_error(&f.archive)->subject != NULL);
    CHECK_CODE(ocitar_image_abandon(&f.image), OCITAR_OK);
    finish(&f);
    stop(&f);
}

static void test_refused(void)
{
    ocitar_image_desc d = OCITAR_ZERO;
    ocitar_descriptor subject = OCITAR_ZERO;

    d.artifact_type = "application/x.thing";
    d.subject = &subject;
    refused(&d, OCITAR_E_ARG); /* neither media type nor digest */
    subject.media_type = "a/b";
    refused(&d, OCITAR_E_ARG);
    d.subject = NULL;
    d.config_len = 1;
    refused(&d, OCITAR_E_ARG);
}

/* A container image's layers need their diffID; an artifact's have none. */
static void test_layers_need_a_diff_id(void)
{
    ocitar_image_desc d = OCITAR_ZERO;
    ocitar_descriptor layer;
    fixture f;

    start(&f);
    CHECK_CODE(ocitar_image_begin(&f.image, &f.index, &d), OCITAR_OK);
    layer = blob(&f, "abc");
    CHECK_CODE(ocitar_image_layer(&f.image, &layer), OCITAR_E_ARG);
    CHECK_CODE(ocitar_image_abandon(&f.image), OCITAR_OK);
    finish(&f);
    stop(&f);
}

int main(void)
{
    test_artifact();
    test_artifact_of_nothing();
    test_artifacts_share_the_empty();
    test_subject();
    test_config_as_it_is();
    test_config_of_an_artifact();
    test_refused();
    test_layers_need_a_diff_id();
    return check_done();
}
