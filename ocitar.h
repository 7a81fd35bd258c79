/* ocitar.h - writes OCI container images as a tar stream, and checks them, from
   plain C.

   One header, no dependencies, no heap unless you hand one over. The licence
   (public domain or MIT-0, as you like) is at the end of the file.

   QUICK START

   In one source file, before any system header, define OCITAR_IMPLEMENTATION
   and include this file; everywhere else just include it. This program
   writes an image with one file in it to standard output, for `docker load`,
   `podman load`, `skopeo copy` or `ctr images import`:

   -- begin quick start --
    #define OCITAR_IMPLEMENTATION
    #include "ocitar.h"
    #include <stdio.h>

    int main(void)
    {
        static char output[65536], waiting[65536];
        static const char text[] = "hello, world\n";
        ocitar_fd out;
        ocitar_archive archive;
        ocitar_layout layout;
        ocitar_index index;
        ocitar_image image;
        ocitar_layer layer;
        ocitar_spool spool;
        ocitar_descriptor pool[2]; // one for each layer, one for each image
        char why[OCITAR_ERROR_MAX];
        ocitar_archive_desc archive_desc = OCITAR_ZERO;
        ocitar_index_desc index_desc = OCITAR_ZERO;
        ocitar_image_desc image_desc = OCITAR_ZERO;
        ocitar_layer_desc layer_desc = OCITAR_ZERO;

        ocitar_fd_begin(&out, 1);
        ocitar_fd_sink(&out, &archive_desc.sink);
        archive_desc.buffer = output;
        archive_desc.buffer_size = sizeof output;
        index_desc.descriptors = pool;
        index_desc.capacity = 2;
        image_desc.reference = "localhost/hello:latest";
        layer_desc.wait.spool = &spool; // where the layer waits for its digest

        ocitar_spool_begin_buffer(&spool, waiting, sizeof waiting);
        ocitar_archive_begin(&archive, &archive_desc);
        ocitar_layout_begin(&layout, &archive, NULL);
        ocitar_index_begin(&index, &layout, &index_desc);
        ocitar_image_begin(&image, &index, &image_desc);
        ocitar_layer_begin(&layer, &image, &layer_desc);
        ocitar_layer_file(&layer, "hello.txt", 0644, text, sizeof text - 1);
        ocitar_layer_end(&layer);
        ocitar_image_end(&image);
        ocitar_index_end(&index);
        if (ocitar_archive_finish(&archive) == OCITAR_OK)
            return 0; // one check at the end: the first error is kept
        ocitar_error_format(ocitar_archive_error(&archive), why, sizeof why);
        fprintf(stderr, "hello_image: %s\n", why);
        return 1;
    }
   -- end quick start --

   WHAT IT WRITES

       blobs/                  directory, 0755     by layout init
       blobs/sha256/           directory, 0755     by layout init
       blobs/sha256/<hex>      blob, 0444          a layer, when it ends
       blobs/sha256/<hex>      blob, 0444          config, when an image ends
       blobs/sha256/<hex>      blob, 0444          manifest, right after it
       oci-layout              file, 0444          when the index ends
       manifest.json           file, 0644          docker's, unless left out
       index.json              file, 0644          the last, unless asked
       1024 zero bytes                             by finish

   All of them USTAR entries with mtime, uid and gid 0 and no names, so that
   the same calls give the same bytes on any machine (an image without an
   architecture gets the machine's own). JSON is canonical (RFC 8785). A blob
   that is in the archive already is not written again, where you lend a set of
   keys to know it by. Over a directory the same objects become files.

   WHAT TO READ

   To write images: errors, stream, archive, spool, layout, image and layer. To
   verify them: check; to look into them: find. Digest, tar and json only if you
   want those by themselves; hosted for files and directories.

   THE OBJECTS

       sink -> archive -> layout -> index -> image -> layer
                             \-> blob, file

   Each is a struct of yours, begun from its parent and ended before it (a
   layout has no end; an archive's is ocitar_archive_finish).
   A blob's name is its digest and stands before its bytes, so a blob must
   wait until both size and digest are known. `ocitar_wait` says how:

                begin               write             commit
       SPOOL    spool is taken      into the spool    emitted in one piece
       PATCH    placeholder out     straight out      header patched in place
       KNOWN    true header out     straight out      only verified
       REHEARSE as PATCH in the first run (nothing goes out), then as KNOWN

       idle --begin--> open --commit--> committed --close--> idle
                         \--close, or a failed commit and close--> idle:
                           abandoned, nothing of it is in the archive

   PATCH and KNOWN own the archive's tail from begin to commit: anybody else
   who would emit an entry meanwhile gets OCITAR_E_BUSY, and may try again.
   SPOOL writers may be open side by side, each with a spool of its own.

   READING

       archive -> checker -> findings, claims, a tap
                          -> catalog -> find, copy to a layout

   ocitar_checker takes an archive in pieces of any length, once, and tells
   what breaks the specification; ocitar_reader and ocitar_json are what it is
   made of. examples/ota_verify.c shows it on a device.

   ERRORS

   Every call returns 0 or a negative code. An error sticks to the object it
   hit, and the ends of its parents return it, up to the archive's finish,
   until the object is abandoned (`_abandon`, or a blob's `_close`): check
   each call, or only the last. (If several failed and some were abandoned,
   the rest may be reported as OCITAR_E_STATE.) So do check a blob's commit if
   you close the blob, and the calls that have no object to keep their error:
   `_put`, `_copy`, `_remove`, `_reader`. A begin that failed, whatever the
   code, leaves an object that failed: abandon it before you begin it again.
   From other calls OCITAR_E_STATE does not stick, and OCITAR_E_BUSY only until
   the call is made again. A fault of the sink, or an entry torn after its
   bytes went out, poisons the archive: it can never be finished.

   CONFIGURATION (macros, before the include; none changes a public struct)

       OCITAR_IMPLEMENTATION   compile the functions here, once a program
       OCITAR_STATIC           a private copy: all functions static
       OCITAR_API              linkage or visibility of the public functions
       OCITAR_NO_HOSTED        leave out files, descriptors and the heap: only
                               stddef.h, stdint.h and the mem functions remain
                               (without -ffreestanding a compiler may turn
                               loops into strlen, and memcmp into bcmp)
       OCITAR_NO_SHA512        leave out SHA-384 and SHA-512 (about 1.5 KiB)
       OCITAR_NO_INTRINSICS    only portable C: not the SHA-256 instructions of
                               x86 and Armv8 (used if they are there, whatever
                               the compiler's flags, but for Armv8 outside of
                               Linux; not with -ffreestanding)
       OCITAR_FORCE_INTRINSICS   only they: for a program that runs nowhere else
       OCITAR_WRITER_ONLY      leave out what reads archives
       OCITAR_CHECKER_ONLY     leave out what writes them
       OCITAR_CHECKER_CORE     the checker has `core` set and no other rules:
                               it looks into no layer
       OCITAR_NO_IMAGE         leave out JSON, images and layers: blobs and
                               files are what can be written
       OCITAR_NO_PAX           heads of one block: what needs more records is
                               OCITAR_E_UNSUPPORTED, to write and to read
       OCITAR_NO_ERROR_TEXT    numbers in the place of texts; no subjects
       OCITAR_SMALL            smaller and slower code: SHA-256 rolled up
       OCITAR_MEMCPY, OCITAR_MEMMOVE, OCITAR_MEMSET, OCITAR_MEMCMP
                               your own, all four or none

   LIMITS AND GUARANTEES

   Sizes to 2^63-1 bytes, any number of entries. No heap without an allocator
   of yours (but for what realpath and opendir take in the hosted part), no
   mutable globals, no locale, no clock, no recursion (a tar in a tar and an
   object in an object are read by the same function, once more and no deeper).
   Objects are independent: use one archive from one thread at a time. An
   object may not move in memory between its begin and its end.            */

#ifndef OCITAR_H
#define OCITAR_H

/* The hosted section needs openat and 64-bit offsets, and libraries decide
   what they declare at their first header, so this stands before any. */
#ifndef OCITAR_NO_HOSTED
#  ifdef OCITAR_IMPLEMENTATION
#    define OCITAR_I_HOSTED_HERE
#  endif
#  ifdef OCITAR_STATIC
#    define OCITAR_I_HOSTED_HERE
#  endif
#endif
#ifdef OCITAR_I_HOSTED_HERE
#  ifndef _GNU_SOURCE
#    define _GNU_SOURCE 1
#  endif
#  ifndef _FILE_OFFSET_BITS
#    define _FILE_OFFSET_BITS 64
#    ifndef _TIME_BITS
#      define _TIME_BITS 64 /* 32-bit systems: times after 2038 */
#    endif
#  endif
#endif

#include <stddef.h>
#include <stdint.h>

#define OCITAR_VERSION "0.1.0"

#if defined __GNUC__ || defined __clang__
#  define OCITAR_MUST __attribute__((__warn_unused_result__))
#  define OCITAR_I_UNUSED __attribute__((__unused__))
#else
#  define OCITAR_MUST
#  define OCITAR_I_UNUSED
#endif

#ifndef OCITAR_API
#  ifdef OCITAR_STATIC
#    define OCITAR_API OCITAR_I_UNUSED static
#  else
#    define OCITAR_API extern
#  endif
#endif

/* `ocitar_x_desc desc = OCITAR_ZERO;` in both languages. */
#ifdef __cplusplus
#  define OCITAR_ZERO {}
extern "C" {
#else
#  define OCITAR_ZERO {0}
#endif

/* ---- errors ------------------------------------------------------------ */

/* Codes never change their meaning; new ones are appended. */
enum {
    OCITAR_OK            = 0,
    OCITAR_E_ARG         = -1,  /* a missing or malformed argument */
    OCITAR_E_STATE       = -2,  /* a call that is not possible now */
    OCITAR_E_BUSY        = -3,  /* another entry is being written; try later */
    OCITAR_E_SINK        = -4,  /* the sink failed; user_code is its own */
    OCITAR_E_SOURCE      = -5,  /* the source failed; user_code is its own */
    OCITAR_E_SPOOL       = -6,  /* the spool's store failed, likewise */
    OCITAR_E_SIZE        = -7,  /* not as long as announced */
    OCITAR_E_DIGEST      = -8,  /* not the digest that was expected */
    OCITAR_E_UNSUPPORTED = -9,  /* an algorithm or operation not to be had */
    OCITAR_E_NAME        = -10, /* a name that a tar entry cannot have here */
    OCITAR_E_RANGE       = -11, /* a number that no field can hold */
    OCITAR_E_LIMIT       = -12, /* an array or buffer of yours is full */
    OCITAR_E_MEMORY      = -13, /* the allocator gave nothing */
    OCITAR_E_UTF8        = -14, /* a string that is not UTF-8 */
    OCITAR_E_DUPLICATE   = -15, /* a key that occurs twice */
    OCITAR_E_CHANGED     = -16, /* input changed between two readings */
    OCITAR_E_HOOK        = -17, /* the entry hook refused; user_code is its */
    OCITAR_E_HASH        = -18, /* the hash engine failed, likewise */
    OCITAR_E_SYSTEM      = -19, /* the system failed; user_code is errno */
    OCITAR_E_LINK        = -20, /* a hard link to what is not in the layer */
    OCITAR_E_WHITEOUT    = -21, /* a file called ".wh..." that is none */
    OCITAR_E_CODEC       = -22, /* the codec failed; user_code is its own */
    OCITAR_E_FORMAT      = -23, /* input that is not what it should be */
    OCITAR_E_INVALID     = -24  /* an archive that breaks a rule */
};

#define OCITAR_SIZE_UNKNOWN UINT64_MAX

/* Digest algorithms: bits, so that a set of them fits one number. */
enum { OCITAR_SHA256 = 1, OCITAR_SHA384 = 2, OCITAR_SHA512 = 4 };

/* A digest: 32, 48 or 64 bytes are used. All-zero is "no digest". */
typedef struct ocitar_digest {
    uint8_t algorithm; /* OCITAR_SHA256 ... */
    uint8_t bytes[64]; /* the rest is zero */
} ocitar_digest;

/* What went wrong first. Fields that do not apply are zero. */
typedef struct ocitar_error {
    int code;               /* OCITAR_E_..., 0 for none */
    int user_code;          /* what your function returned, or errno */
    const char *subject;    /* the call or field, static text or NULL */
    uint64_t expected_size; /* bytes; with OCITAR_E_SIZE, E_CHANGED; with
                               E_LIMIT what there is room for */
    uint64_t actual_size;
    ocitar_digest expected; /* with OCITAR_E_DIGEST and E_CHANGED */
    ocitar_digest actual;
} ocitar_error;

/* Room for any text of ocitar_error_format, with its NUL, in bytes. */
#define OCITAR_ERROR_MAX 448

/* "E_SIZE" for OCITAR_E_SIZE, "OK" for 0, "E_?" for numbers unknown. */
OCITAR_API const char *ocitar_error_name(int code);

/* A few words in English, static, never NULL. */
OCITAR_API const char *ocitar_error_text(int code);

/* One line such as "unexpected size: 701 != 700 (layer body)", expected
   first, cut to `capacity` with its NUL. Returns the whole line's length. */
OCITAR_API size_t ocitar_error_format(const ocitar_error *error, char *out,
                                      size_t capacity);

/* Shared by archives and drivers; yours to embed, not to touch. A node is a
   thing begun under a parent; the root keeps the first error in words. */
typedef struct ocitar_node ocitar_node;

typedef struct ocitar_root ocitar_root;

/* ---- digest ------------------------------------------------------------ */

/* A hash unit, mbedTLS, anything, in the place of the bundled code. Each
   function returns 0 or a code of its own, which comes back as user_code of
   OCITAR_E_HASH. Every begin that returned 0 is followed by one end; with
   `out` NULL the digest was given up. `state` is 192 bytes, aligned as an
   uint64_t, for the engine alone. */
typedef struct ocitar_engine {
    int (*begin_fn)(void *user, void *state, uint8_t algorithm);
    int (*update_fn)(void *user, void *state, const void *data, size_t len);
    int (*end_fn)(void *user, void *state, uint8_t *out);
    void *user;
    uint8_t algorithms; /* which it computes; the bundled code does the rest */
} ocitar_engine;

/* A digest being computed. Yours to place, not to touch. */
typedef struct ocitar_digester ocitar_digester;

/* One slot of a key set: the first 32 bytes of a digest. Names are chosen by
   whoever made the content, so a shorter hash would not do. */
typedef struct ocitar_key { uint8_t bytes[32]; } ocitar_key;

/* Bytes of a digest: 32, 48, 64, or 0 for an algorithm that is not built in
   (OCITAR_NO_SHA512) or unknown. */
OCITAR_API size_t ocitar_digest_length(uint8_t algorithm);

/* "sha256", "sha384", "sha512"; NULL if unknown. */
OCITAR_API const char *ocitar_algorithm_name(uint8_t algorithm);

/* The algorithm of a name, or 0. `len` 0: up to the NUL, here as in every
   other pair of pointer and length that names a string. */
OCITAR_API uint8_t ocitar_algorithm_parse(const char *name, size_t len);

/* Reads `algorithm:hex`, lower case, exact length (OCI descriptor, Digests).
   OCITAR_E_ARG: it does not parse. OCITAR_E_UNSUPPORTED: a digest by the
   grammar, of an algorithm that is not known here. */
OCITAR_MUST OCITAR_API int ocitar_digest_parse(ocitar_digest *out,
                                               const char *text, size_t len);

/* Room for `sha512:` and 128 digits, with the NUL. */
#define OCITAR_DIGEST_TEXT_MAX 136

/* Writes `algorithm:hex` and a NUL, returns the length without it; "" and 0
   for no digest. */
OCITAR_API size_t ocitar_digest_format(const ocitar_digest *digest,
                                       char out[OCITAR_DIGEST_TEXT_MAX]);

/* 1 if both are the same digest of the same algorithm. */
OCITAR_API int ocitar_digest_equal(const ocitar_digest *a,
                                   const ocitar_digest *b);

/* The digest of `len` bytes at `data`. OCITAR_E_UNSUPPORTED. */
OCITAR_API int ocitar_digest_of(ocitar_digest *out, uint8_t algorithm,
                                const void *data, size_t len);

/* The same of `count` messages, out[i] of len[i] bytes at data[i]. Where the
   processor has the instructions, SHA-256 takes two or three messages at a
   time, nearly as fast as one. OCITAR_E_UNSUPPORTED, E_ARG. */
OCITAR_API int ocitar_digest_many(ocitar_digest *out, uint8_t algorithm,
                                  const void *const *data, const size_t *len,
                                  size_t count);

/* begin, then any number of updates, then end. `engine` may be NULL and must
   outlive the digester. OCITAR_E_UNSUPPORTED, OCITAR_E_HASH. */
OCITAR_API int ocitar_digester_begin(ocitar_digester *digester,
                                     uint8_t algorithm,
                                     const ocitar_engine *engine);
OCITAR_API int ocitar_digester_update(ocitar_digester *digester,
                                      const void *data, size_t len);
OCITAR_API int ocitar_digester_end(ocitar_digester *digester,
                                   ocitar_digest *out);

/* ---- tar --------------------------------------------------------------- */

/* Seconds since 1970 and nanoseconds (0..999999999) after them. */
typedef struct ocitar_time {
    int64_t seconds;
    uint32_t nanoseconds;
    uint8_t set; /* 0: no time was given, and the rest is not read */
} ocitar_time;

/* A key and its value: pax records, annotations, labels. */
typedef struct ocitar_pair {
    const char *key;
    const char *value;
    size_t key_len;   /* 0: up to the NUL */
    size_t value_len; /* 0: up to the NUL */
} ocitar_pair;

/* USTAR where it can hold the entry, else pax, unless one is asked for.
   ANY rounds mtime to seconds, half up, and drops atime and ctime. */
enum { OCITAR_FORMAT_ANY = 0, OCITAR_FORMAT_USTAR = 1, OCITAR_FORMAT_PAX = 2 };

/* The head of a tar entry. Strings are borrowed while it is in use. */
typedef struct ocitar_entry {
    const char *name;     /* NULL is "" */
    const char *linkname; /* target of types '1' and '2' */
    const char *uname;
    const char *gname;
    size_t name_len;      /* each 0: up to the NUL */
    size_t linkname_len;
    size_t uname_len;
    size_t gname_len;
    int64_t size;         /* of the body, bytes; types '1' to '6' have none */
    int64_t mode;         /* 0..07777777, as are the next four; no default */
    int64_t uid;          /* a greater uid or gid becomes a pax record */
    int64_t gid;
    int64_t devmajor;
    int64_t devminor;
    ocitar_time mtime;    /* not set: 0 */
    ocitar_time atime;    /* only in pax */
    ocitar_time ctime;
    const ocitar_pair *pax; /* further records; "SCHILY.xattr.user.x" ... */
    size_t pax_count;
    char typeflag;        /* 0: '5' if the name ends in '/', else '0' */
    uint8_t format;       /* OCITAR_FORMAT_... */
} ocitar_entry;

/* Encodes an entry's head, block by block. Yours to place, not to touch. */
typedef struct ocitar_encoder ocitar_encoder;

/* Checks the entry and prepares its blocks; `entry` is borrowed until the
   last of them. Byte for byte what Go's archive/tar writes. Errors:
   OCITAR_E_NAME (a NUL, or a '/' at the end of a name that may have none),
   OCITAR_E_ARG (a typeflag or pax key that cannot be; fields beside a 'g'),
   OCITAR_E_RANGE (a number, or a string that USTAR, if asked for, cannot
   hold), OCITAR_E_LIMIT (more than 1 MiB of pax records),
   OCITAR_E_DUPLICATE (two records of one key). */
OCITAR_API int ocitar_encoder_begin(ocitar_encoder *encoder,
                                    const ocitar_entry *entry);

/* Writes the next 512 bytes and returns 1, or returns 0 after the last. */
OCITAR_API int ocitar_encoder_next(ocitar_encoder *encoder,
                                   uint8_t block[512]);

/* Bytes of all blocks together: 512, or with pax records 1536 and more. */
OCITAR_API size_t ocitar_encoder_size(const ocitar_encoder *encoder);

enum { /* what ocitar_decoder_next made of a block */
    OCITAR_BLOCK_MORE = 0,  /* the head goes on in the next one */
    OCITAR_BLOCK_ENTRY = 1, /* an entry; its body follows in whole blocks */
    OCITAR_BLOCK_END = 2    /* the second zero block: the end */
};

/* Decodes an entry's head, block by block: V7, ustar, star, GNU (long names,
   base-256 numbers) and pax, as Go's archive/tar reads them, but stricter.
   Yours to place, not to touch; to read are: */
typedef struct ocitar_decoder {
    ocitar_entry entry; /* after OCITAR_BLOCK_ENTRY, until the next call */
    const char *pax;    /* its pax records as they came, for ocitar_pax_next */
    size_t pax_len;
    size_t need;     /* with OCITAR_E_LIMIT: a buffer of so many bytes */
    const char *why; /* with OCITAR_E_FORMAT and E_LIMIT: in words, static */
    uint8_t sparse;  /* 1: GNU's sparse file, whose body is no file's bytes */
    uint8_t phase;
    char meta;       /* typeflag of the meta entry under way */
    uint8_t metas;   /* which of them came */
    char *buffer;
    uint32_t size;
    uint32_t used;
    uint32_t meta_at; /* where its body is in the buffer */
    uint32_t meta_len;
    uint32_t meta_got;
    uint32_t name_at, name_len, link_at, link_len; /* GNU's long ones */
    uint32_t records_at, records_len;
} ocitar_decoder;

/* `buffer` holds names and pax records, 512 bytes at the least, of which 4 GiB
   are used at most. E_ARG. */
OCITAR_API int ocitar_decoder_begin(ocitar_decoder *decoder, void *buffer,
                                    size_t size);
/* Takes the next block of a head. Not those of bodies. OCITAR_BLOCK_..., or
   OCITAR_E_FORMAT, OCITAR_E_LIMIT: for good. */
OCITAR_API int ocitar_decoder_next(ocitar_decoder *decoder,
                                   const uint8_t block[512]);
/* Takes one record off the front of pax data: 1, 0 if there is none, or
   OCITAR_E_FORMAT. Key and value point into it. */
OCITAR_API int ocitar_pax_next(const char **pax, size_t *len,
                               ocitar_pair *out);

/* ---- json -------------------------------------------------------------- */

enum {
    OCITAR_JSON_OBJECT, OCITAR_JSON_OBJECT_END, OCITAR_JSON_ARRAY,
    OCITAR_JSON_ARRAY_END, OCITAR_JSON_KEY, OCITAR_JSON_STRING,
    OCITAR_JSON_NUMBER, OCITAR_JSON_TRUE, OCITAR_JSON_FALSE, OCITAR_JSON_NULL,
    OCITAR_JSON_PART /* of a key, string or number too long for the buffer;
                        its last piece comes with the token itself */
};

enum { OCITAR_JSON_DEPTH_MAX = 64 };

/* Takes JSON (RFC 8259) in pieces and gives tokens. Yours to place. */
typedef struct ocitar_json {
    int (*token_fn)(void *user, int token, const char *text, size_t len);
    void *user;
    char *buffer;    /* for one string or number, 16 bytes at the least */
    size_t capacity;
    uint64_t *seen;  /* finds names that an object has twice: a slot for each
                        open object and each of its names; or NULL */
    size_t seen_capacity;
    uint32_t depth_max; /* 0: OCITAR_JSON_DEPTH_MAX, which is the most */
    uint32_t tokens_max; /* 0: no limit */
    uint32_t tokens; /* out: how many came */
    uint8_t unseen;  /* out: 1 if the slots did not do for all names */
    uint8_t state;
    uint8_t escape;
    uint8_t utf8_left, utf8_low, utf8_high;
    uint8_t key;
    uint8_t depth;
    uint64_t objects; /* a bit for each level: object or array */
    uint64_t marked;  /* a bit for each level: its names are looked at */
    uint64_t hash;
    const char *literal;
    char *copy;       /* where what passes is copied to, if `copying` */
    uint32_t copy_size;
    uint32_t copied;
    uint32_t seen_used;
    uint32_t used;
    uint32_t unit;
    uint32_t high;    /* half of a surrogate pair */
    int error;
    uint8_t copying;
} ocitar_json;

/* Fill in the first fields, zero the rest. token_fn returns 0, or a code of
   this library that ends the reading. E_ARG. */
OCITAR_API int ocitar_json_begin(ocitar_json *json);
/* OCITAR_E_FORMAT, E_UTF8 (lone surrogates, too), E_DUPLICATE, E_LIMIT (depth
   or tokens), and what token_fn returned. The error stays. */
OCITAR_API int ocitar_json_push(ocitar_json *json, const void *data,
                                size_t len);
/* OCITAR_E_FORMAT: it is not complete. */
OCITAR_API int ocitar_json_end(ocitar_json *json);

/* ---- stream ------------------------------------------------------------ */

struct ocitar_fd; /* hosted */

/* Where bytes go. Functions return 0, or a code of yours, which comes back as
   user_code of OCITAR_E_SINK. put_fn takes everything or fails, and is never
   called with 0 bytes. put_at_fn and truncate_fn come together or not at all;
   offsets count from where the archive began, and after a truncation the next
   put goes to its offset. */
typedef struct ocitar_sink {
    int (*put_fn)(void *user, const void *data, size_t len);
    int (*put_at_fn)(void *user, uint64_t offset, const void *data,
                     size_t len);
    int (*truncate_fn)(void *user, uint64_t offset);
    void *user;
    /* Takes up to `len` bytes straight out of a file, from `offset` on, and
       returns how many; what it leaves comes by put_fn. Optional. */
    uint64_t (*move_fn)(void *user, const struct ocitar_fd *file,
                        uint64_t offset, uint64_t len);
} ocitar_sink;

/* Where bytes come from. get_fn puts up to `capacity` bytes at `out` and
   their number in *len; 0 is the end. rewind_fn goes back to the start
   (optional, but for where it is asked for). */
typedef struct ocitar_source {
    int (*get_fn)(void *user, void *out, size_t capacity, size_t *len);
    int (*rewind_fn)(void *user);
    void *user;
    /* As get_fn, from an offset counted from where the source began; does not
       move it. Optional. */
    int (*get_at_fn)(void *user, uint64_t offset, void *out, size_t capacity,
                     size_t *len);
    /* Optional, both or none: the file that the bytes are in, for move_fn, and
       whether it is what it was. That is noted with `begin` 1; with 0 a code
       other than 0 means that it changed. */
    const struct ocitar_fd *file;
    int (*same_fn)(void *user, int begin);
} ocitar_source;

/* ---- archive ----------------------------------------------------------- */

typedef struct ocitar_archive_desc {
    ocitar_sink sink;   /* without put_fn: a dry run that only counts */
    void *buffer;       /* borrowed until the end; required */
    size_t buffer_size; /* 512 or more, 65536 recommended, used up to a power
                           of two; output leaves in pieces of that size */
    /* Sees each entry before it is written (in the PATCH way: when its size
       and name are known; what then needs more than one block, such as a pax
       record, is OCITAR_E_RANGE). May change its metadata but not name,
       typeflag or size, or refuse it with a code of its own: OCITAR_E_HOOK.
       Mind name_len: names need not end in a NUL. Optional. */
    int (*hook_fn)(void *user, ocitar_entry *entry);
    void *hook_user;
} ocitar_archive_desc;

/* A tar stream being written. Yours to place, not to touch. */
typedef struct ocitar_archive ocitar_archive;

/* E_ARG: no buffer, or one below 512 bytes. */
OCITAR_API int ocitar_archive_begin(ocitar_archive *archive,
                                    const ocitar_archive_desc *desc);

/* Writes an entry's head. Its body, if it has one, follows by write, and the
   entry is complete with its last byte. Errors of ocitar_encoder_begin, and
   OCITAR_E_HOOK: nothing is written, the error sticks until _abandon.
   OCITAR_E_BUSY: the entry before is not complete. */
OCITAR_API int ocitar_archive_header(ocitar_archive *archive,
                                     const ocitar_entry *entry);
/* OCITAR_E_SIZE: more than the entry's size; nothing is written. */
OCITAR_API int ocitar_archive_write(ocitar_archive *archive,
                                    const void *data, size_t len);
/* Gives the sink what the buffer holds. */
OCITAR_API int ocitar_archive_flush(ocitar_archive *archive);

/* Forgets a refused entry, or takes an incomplete one back. If bytes of it
   went out for good the archive is poisoned: OCITAR_E_STATE. */
OCITAR_API int ocitar_archive_abandon(ocitar_archive *archive);

/* Writes the two zero blocks and flushes. Returns the first error that still
   stands; OCITAR_E_STATE if an entry, index, image or layer is still open.
   Once it has returned OCITAR_OK it does so again, and everything else
   returns OCITAR_E_STATE. */
OCITAR_MUST OCITAR_API int ocitar_archive_finish(ocitar_archive *archive);

/* Bytes written so far, the buffered ones included. */
OCITAR_API uint64_t ocitar_archive_size(const ocitar_archive *archive);

/* The first error that still stands, in detail; never NULL. */
OCITAR_API const ocitar_error *
ocitar_archive_error(const ocitar_archive *archive);

/* What is told of an archive that is read. Functions return 0, or a code of
   theirs that ends the reading: user_code of OCITAR_E_HOOK. */
typedef struct ocitar_reader_desc {
    void *buffer;       /* for ocitar_decoder_begin; lent until the end */
    size_t buffer_size;
    int (*entry_fn)(void *user, const ocitar_entry *entry);
    int (*data_fn)(void *user, const void *data, size_t len); /* of its body;
                           may be NULL */
    int (*done_fn)(void *user); /* the entry is complete; may be NULL */
    void *user;
    uint64_t max_entries; /* 0: a million */
    uint64_t max_bytes;   /* 0: 2^63-1 */
} ocitar_reader_desc;

/* A tar being read from pieces of any length. Yours to place; to read are: */
typedef struct ocitar_reader {
    ocitar_decoder decoder;
    int (*entry_fn)(void *user, const ocitar_entry *entry);
    int (*data_fn)(void *user, const void *data, size_t len);
    int (*done_fn)(void *user);
    void *user;
    uint64_t max_entries;
    uint64_t max_bytes;
    uint64_t offset;  /* bytes taken */
    uint64_t start;   /* where the head of the last entry begins */
    uint64_t body;    /* and where its body does */
    uint64_t entries; /* complete heads */
    uint64_t left;    /* body bytes that the entry still lacks */
    int error;
    int user_code;
    uint8_t ended;    /* the end mark came; what follows is not read */
    uint8_t open;     /* an entry is not complete */
    uint16_t skip;    /* padding to come */
    uint16_t held;
    uint8_t block[512];
} ocitar_reader;

/* OCITAR_E_ARG. */
OCITAR_API int ocitar_reader_begin(ocitar_reader *reader,
                                   const ocitar_reader_desc *desc);
/* Errors of ocitar_decoder_next; E_LIMIT: more entries or bytes than allowed;
   OCITAR_E_HOOK. The error stays. */
OCITAR_API int ocitar_reader_push(ocitar_reader *reader, const void *data,
                                  size_t len);
/* OCITAR_E_SIZE: it ends within an entry, or without its end mark. */
OCITAR_API int ocitar_reader_end(ocitar_reader *reader);

/* ---- spool ------------------------------------------------------------- */

/* A heap of yours. Called with old NULL and 0 for new memory, with new_size 0
   to free. Memory is aligned as malloc's is; NULL leaves the old as it was. */
typedef struct ocitar_allocator {
    void *(*resize_fn)(void *user, void *old, size_t old_size,
                       size_t new_size);
    void *user;
} ocitar_allocator;

/* Storage outside memory. Functions return 0 or a code of yours: user_code of
   OCITAR_E_SPOOL. */
typedef struct ocitar_store {
    int (*append_fn)(void *user, const void *data, size_t len);
    int (*load_fn)(void *user, uint64_t offset, void *out, size_t len);
    int (*reset_fn)(void *user); /* empties it */
    void *user;
} ocitar_store;

/* Bytes wait in memory first, then in the store; any part may be absent. All
   three are lent until the spool's end. */
typedef struct ocitar_spool_desc {
    void *buffer;       /* fixed memory, or NULL */
    size_t buffer_size; /* bytes; 0 if and only if there is no buffer */
    const ocitar_allocator *allocator; /* memory that grows, if there is no
                                          buffer; or NULL */
    size_t memory_limit; /* of the allocator, bytes; 0: none */
    const ocitar_store *store;         /* what exceeds memory, or NULL */
} ocitar_spool_desc;

/* A place to wait in, for one blob or file after another. */
typedef struct ocitar_spool ocitar_spool;

/* E_ARG: nothing to keep bytes in. */
OCITAR_API int ocitar_spool_begin(ocitar_spool *spool,
                                  const ocitar_spool_desc *desc);
/* The same with a fixed buffer only: what exceeds it is OCITAR_E_LIMIT. */
OCITAR_API int ocitar_spool_begin_buffer(ocitar_spool *spool, void *buffer,
                                         size_t size);
/* Frees what the allocator gave. */
OCITAR_API void ocitar_spool_end(ocitar_spool *spool);

/* ---- layout ------------------------------------------------------------ */

enum {
    OCITAR_WAIT_AUTO = 0, /* REHEARSE if the layout has a rehearsal, else
                             PATCH if the tail is free and can be patched,
                             else SPOOL */
    OCITAR_WAIT_SPOOL = 1,
    OCITAR_WAIT_PATCH = 2, /* below 8 GiB, which a ustar size field ends at;
                              more is OCITAR_E_RANGE, found at the commit */
    OCITAR_WAIT_KNOWN = 3,
    OCITAR_WAIT_REHEARSE = 4
};

/* How a blob or layer waits for its size and digest; see the top. */
typedef struct ocitar_wait {
    ocitar_spool *spool;  /* SPOOL, AUTO: free, and lent until the close */
    uint64_t size;        /* KNOWN: bytes */
    ocitar_digest digest; /* KNOWN */
    uint8_t way;          /* OCITAR_WAIT_... */
    uint8_t verified;     /* KNOWN: 1 if the bytes were hashed before, from
                             a layout that was checked, say: they are counted
                             and not hashed again */
} ocitar_wait;

/* One line of a rehearsal's table, in the order of the begins. */
typedef struct ocitar_rehearsed {
    uint64_t size;
    ocitar_digest digest;
} ocitar_rehearsed;

/* Sizes and digests found in a first run over a dry archive, used in a second
   run of the same calls over a real one. Fill in table and capacity, zero the
   rest; ocitar_rehearsal_play between the runs. */
typedef struct ocitar_rehearsal {
    ocitar_rehearsed *table;
    size_t capacity;
    size_t count;
    size_t at;
    size_t descriptors; /* that the index's pool held in the end */
    uint8_t playing;
} ocitar_rehearsal;

OCITAR_API void ocitar_rehearsal_play(ocitar_rehearsal *rehearsal);

/* What a layout is kept in. The tar driver is built in; another one is a
   table of functions and a root begun with ocitar_root_begin. Functions
   return OCITAR_OK or a code of this library. One object is open at a time;
   begin_fn answers OCITAR_E_BUSY to a second. */
typedef struct ocitar_driver {
    /* Opens an object. entry->size -1: not known before end_fn, nor is the
       name, which is as long as the final one; OCITAR_E_UNSUPPORTED if that
       is too much to ask. Directories are complete with this call. */
    int (*begin_fn)(void *user, const ocitar_entry *entry);
    int (*write_fn)(void *user, const void *data, size_t len);
    /* Memory that the next write_fn may be called with, which saves a copy; or
       NULL. */
    void *(*space_fn)(void *user, size_t *len);
    /* Completes it, with its final name and size. */
    int (*end_fn)(void *user, const ocitar_entry *entry);
    /* Takes back what was opened; an error if something of it remains. Called
       after a write_fn or end_fn that failed, and perhaps again with nothing
       open: then OCITAR_OK. */
    int (*cancel_fn)(void *user);
    /* 1 if a blob of that name and size is there already; or NULL. */
    int (*exists_fn)(void *user, const char *name, uint64_t size);
    int (*remove_fn)(void *user, const char *name);
    int (*reader_fn)(void *user, const char *name, ocitar_source *out);
} ocitar_driver;

typedef struct ocitar_layout_desc {
    ocitar_key *keys;   /* recognise blobs that were written: one slot for */
    uint32_t key_count; /* each blob, more is faster. NULL: no recognition;
                           full: OCITAR_E_LIMIT */
    const ocitar_engine *engine;   /* hashes, or NULL; lent until the end */
    ocitar_rehearsal *rehearsal;   /* or NULL; lent until the end */
    uint8_t algorithms; /* whose directories init writes, besides sha256 */
    const ocitar_driver *driver;   /* when begun without an archive */
    void *driver_user;
    ocitar_root *root;
} ocitar_layout_desc;

/* An image layout (OCI image-layout). Yours to place, not to touch. */
typedef struct ocitar_layout ocitar_layout;

/* `desc` may be NULL. The keys are zeroed here. E_ARG, E_STATE. */
OCITAR_API int ocitar_layout_begin(ocitar_layout *layout,
                                   ocitar_archive *archive,
                                   const ocitar_layout_desc *desc);

/* Writes blobs/ and a directory for each algorithm. E_STATE: done before. An
   index does it, unless you did; do it where blobs come before the index. */
OCITAR_API int ocitar_layout_init(ocitar_layout *layout);

/* Not in a tar: OCITAR_E_UNSUPPORTED, and nothing sticks. */
OCITAR_API int ocitar_layout_remove(ocitar_layout *layout, const char *name);
OCITAR_API int ocitar_layout_reader(ocitar_layout *layout, const char *name,
                                    ocitar_source *out);

/* A file of the layout that is not a blob, while it is collected. */
typedef struct ocitar_file ocitar_file;

/* Collected in `spool`, which is lent until the close, as is `name`. Only the
   close checks the name: OCITAR_E_NAME for one that would leave the root
   (absolute, a ".." component, empty) or that a tar cannot hold. `mode`
   0..07777. */
OCITAR_API int ocitar_file_begin(ocitar_file *file, ocitar_layout *layout,
                                 const char *name, size_t name_len,
                                 uint32_t mode, ocitar_spool *spool);
/* OCITAR_E_LIMIT, E_MEMORY, E_SPOOL: the spool could not take it. */
OCITAR_API int ocitar_file_write(ocitar_file *file, const void *data,
                                 size_t len);
/* Emits the entry. After one that succeeded OCITAR_E_STATE. */
OCITAR_API int ocitar_file_close(ocitar_file *file);
/* Gives it up, with its error; nothing of it stays. */
OCITAR_API int ocitar_file_abandon(ocitar_file *file);
/* The same from memory, in one call. No object, so its errors do not stick
   (but for a poisoned archive's): check them. */
OCITAR_API int ocitar_file_put(ocitar_layout *layout, const char *name,
                               size_t name_len, uint32_t mode,
                               const void *data, size_t len);

/* A blob being written. Yours to place, not to touch. */
typedef struct ocitar_blob ocitar_blob;

/* `algorithm` 0: sha256. E_UNSUPPORTED: unknown, or to be patched, by choice
   or for want of a spool, where the sink cannot; E_ARG: SPOOL without a spool,
   KNOWN without a digest; E_BUSY: the spool or the tail is taken. */
OCITAR_API int ocitar_blob_begin(ocitar_blob *blob, ocitar_layout *layout,
                                 uint8_t algorithm, const ocitar_wait *wait);
/* Errors of the way it waits: OCITAR_E_LIMIT, E_MEMORY, E_SPOOL; E_SINK; KNOWN:
   OCITAR_E_SIZE; rehearsed: OCITAR_E_CHANGED. */
OCITAR_API int ocitar_blob_write(ocitar_blob *blob, const void *data,
                                 size_t len);

/* Emits the blob if it has `size` bytes (OCITAR_SIZE_UNKNOWN: any) and the
   digest `expected` (algorithm:hex, or NULL: any), else nothing of it:
   OCITAR_E_SIZE, OCITAR_E_DIGEST, size first. OCITAR_E_ARG: a digest that
   does not parse. After one that succeeded: OCITAR_E_STATE. */
OCITAR_API int ocitar_blob_commit(ocitar_blob *blob, uint64_t size,
                                  const char *expected);

/* Ends the writer; without a commit that succeeded the blob is abandoned. */
OCITAR_API int ocitar_blob_close(ocitar_blob *blob);

/* The digest of what was written so far. E_UNSUPPORTED: before the commit,
   with a foreign engine. */
OCITAR_API int ocitar_blob_digest(const ocitar_blob *blob,
                                  ocitar_digest *out);

/* A whole blob from memory: hashed, then written, never copied. `out` gets
   its digest and may be NULL. As with ocitar_file_put, check its errors. */
OCITAR_API int ocitar_blob_put(ocitar_layout *layout, uint8_t algorithm,
                               const void *data, size_t len,
                               ocitar_digest *out);

/* The same of `count` blobs, len[i] bytes at data[i], whose digests go to
   out[i]; several are hashed at a time, see ocitar_digest_many. Stops at the
   first error, with those before it written. */
OCITAR_API int ocitar_blob_put_many(ocitar_layout *layout, uint8_t algorithm,
                                    const void *const *data,
                                    const size_t *len, size_t count,
                                    ocitar_digest *out);

/* A whole blob from a source that can be rewound: read twice through
   `buffer`. Check its errors, too. OCITAR_E_CHANGED if the readings differ;
   then, if bytes went out for good, the archive is poisoned. A file goes
   straight to the sink in the second reading, where the system can do it; then
   its size and times must be what they were. */
OCITAR_API int ocitar_blob_copy(ocitar_layout *layout, uint8_t algorithm,
                                const ocitar_source *source, void *buffer,
                                size_t buffer_size, ocitar_digest *out,
                                uint64_t *size);

/* The same of `count` sources, whose digests go to out[i] and sizes to
   sizes[i], both optional; several are hashed at a time, through a share of
   the buffer each. Stops at the first error, with those before it written. */
OCITAR_API int ocitar_blob_copy_many(ocitar_layout *layout, uint8_t algorithm,
                                     const ocitar_source *sources,
                                     size_t count, void *buffer,
                                     size_t buffer_size, ocitar_digest *out,
                                     uint64_t *sizes);

/* In a dry run, in the place of a blob whose size and digest are known and
   whose bytes are not at hand: it is counted. OCITAR_E_STATE where bytes are
   really written. Check its errors. */
OCITAR_API int ocitar_blob_assume(ocitar_layout *layout,
                                  const ocitar_digest *digest, uint64_t size);

/* For drivers of your own: begin a root, stop it for good at the driver's
   first fault, and end it (as ocitar_archive_finish, without the writing). */
OCITAR_API void ocitar_root_begin(ocitar_root *root);
OCITAR_API int ocitar_root_fail(ocitar_root *root, int code, int user_code,
                                const char *subject);
OCITAR_MUST OCITAR_API int ocitar_root_finish(ocitar_root *root);

/* ---- image ------------------------------------------------------------- */

/* A reference, taken apart; pointers into the text that was parsed. */
typedef struct ocitar_reference {
    const char *name; /* "localhost:5000/x" */
    size_t name_len;
    const char *tag;  /* NULL: none */
    size_t tag_len;
    const char *digest; /* after '@', NULL: none */
    size_t digest_len;
} ocitar_reference;

/* `[host[:port]/]path[:tag][@digest]`, the path in lower case, as registries
   have it. OCITAR_E_ARG: it is none. */
OCITAR_MUST OCITAR_API int ocitar_reference_parse(ocitar_reference *out,
                                                  const char *text,
                                                  size_t len);

/* Go's names for systems (GOOS, GOARCH), as the specification asks. */
typedef struct ocitar_platform {
    const char *architecture; /* NULL: what this code is compiled for, if Go
                                 has a name for it, else OCITAR_E_ARG */
    const char *os;           /* NULL: "linux" */
    const char *variant;      /* "v7", "v8"; NULL: none */
    const char *os_version;   /* NULL: none */
    const char *const *os_features;
    size_t os_feature_count;
} ocitar_platform;

/* Architecture and variant of what `uname -m` says: "armv7l" is arm and v7.
   Go's own names are taken, too. OCITAR_E_UNSUPPORTED: neither. Sets these two
   fields of `out` only, to static strings. */
OCITAR_MUST OCITAR_API int ocitar_platform_uname(ocitar_platform *out,
                                                 const char *machine);

/* Docker's media type for one of OCI's (manifest, index, config, layers), or
   OCI's for one of docker's; `type` itself if it has no counterpart. */
OCITAR_API const char *ocitar_media_type_docker(const char *type);
OCITAR_API const char *ocitar_media_type_oci(const char *type);

/* Content that a descriptor carries itself, at most (OCI descriptor, Embedded
   Content: registries bound the size of a manifest). */
#define OCITAR_DATA_MAX 4096

/* A layer, image or blob as others refer to it. In a pool of an index the
   library fills them in. For ocitar_image_layer you set media_type, size,
   digest, diff_id and, if you like, annotations and data; the rest is zero.
   What is borrowed lasts until the index's end. */
typedef struct ocitar_descriptor {
    const char *media_type;
    const char *artifact_type;      /* or NULL */
    const char *reference;          /* of an image, or NULL */
    const char *const *more_references; /* of the same image */
    const ocitar_pair *annotations;
    size_t annotation_count;
    const void *data;               /* the content, `size` bytes, to be
                                       carried here, too; or NULL */
    const char *raw;                /* with ocitar_index_add: the descriptor */
    size_t raw_len;                 /* as JSON from another index: it is kept,
                                       but for names and a platform that you
                                       set; or NULL */
    uint64_t size;                  /* bytes */
    ocitar_digest digest;
    ocitar_digest diff_id;          /* a layer's, uncompressed; an image's
                                       config */
    ocitar_platform platform;       /* of an image */
    uint16_t layers;                /* of an image: they stand before it */
    uint16_t more_reference_count;
    uint8_t kind;                   /* the library's */
} ocitar_descriptor;

typedef struct ocitar_index_desc {
    ocitar_descriptor *descriptors; /* a slot for every layer and image */
    size_t capacity;                /* full: OCITAR_E_LIMIT */
    const ocitar_pair *annotations; /* of index.json itself */
    size_t annotation_count;
    uint8_t no_docker; /* 1: leave out manifest.json, which `docker load`
                          before version 25 needs */
    uint8_t metadata_first; /* 1, with a rehearsal: in the second run
                               oci-layout, manifest.json and index.json come
                               first, and each image's manifest and config
                               before its layers, so that a reader can refuse
                               early. Descriptors and all strings of the first
                               run must last until the second one's end, and
                               no image may be abandoned in it */
} ocitar_index_desc;

/* index.json being collected. Yours to place, not to touch. */
typedef struct ocitar_index ocitar_index;

/* Initialises the layout if that was not done. One index a layout, one open
   image an index. E_ARG, E_STATE, and what ocitar_layout_init returns. */
OCITAR_API int ocitar_index_begin(ocitar_index *index, ocitar_layout *layout,
                                  const ocitar_index_desc *desc);
/* Writes oci-layout, manifest.json and index.json. E_UTF8, E_DUPLICATE. */
OCITAR_API int ocitar_index_end(ocitar_index *index);
/* Gives it up, with its open image. */
OCITAR_API int ocitar_index_abandon(ocitar_index *index);
/* The digest of index.json, sha256, after the end, or with metadata first from
   the begin on; before that NULL. */
OCITAR_API const ocitar_digest *ocitar_index_digest(const ocitar_index *index);

/* Adds a manifest or index whose blob is in the layout already, its bytes as
   they are. You set its descriptor as for ocitar_image_layer, and reference
   and platform if it has them. With its config's digest as diff_id and its
   layers (only their digests are read) docker's manifest.json lists it, too;
   `layers` may be NULL. It takes 1 + layer_count slots. E_ARG, E_LIMIT; of
   `raw`: E_FORMAT (no object, or names written with escapes), E_UTF8,
   E_DUPLICATE. */
OCITAR_API int ocitar_index_add(ocitar_index *index,
                                const ocitar_descriptor *manifest,
                                const ocitar_descriptor *layers,
                                size_t layer_count);

typedef struct ocitar_nest_desc {
    const char *reference; /* of the nested index, or NULL */
    const ocitar_pair *annotations; /* of the nested index itself */
    size_t annotation_count;
    const ocitar_pair *descriptor_annotations; /* in index.json */
    size_t descriptor_annotation_count;
    uint8_t docker_types; /* 1: docker's manifest list */
    uint8_t algorithm; /* 0: sha256 */
} ocitar_nest_desc;

/* The images between these two become an index of their own, a blob, to which
   index.json refers: one name for several platforms. One level, one slot of
   the pool; `desc` may be NULL, its strings are lent until the index's end.
   docker's manifest.json gives the name to the first of them that has none.
   E_STATE, E_ARG, E_LIMIT, E_DUPLICATE, E_UTF8. */
OCITAR_API int ocitar_index_nest(ocitar_index *index,
                                 const ocitar_nest_desc *desc);
OCITAR_API int ocitar_index_unnest(ocitar_index *index);

/* One line of an image's history. NULL and unset: left out. */
typedef struct ocitar_history {
    const char *created_by;
    const char *comment;
    const char *author;
    ocitar_time created;
    uint8_t empty_layer; /* 1: it made no layer */
} ocitar_history;

/* All strings NUL-terminated UTF-8 and lent until the index ends. NULL, 0
   and unset are left out of the config. */
typedef struct ocitar_image_desc {
    const char *reference; /* "localhost/hello:1"; no tag: "latest"; NULL:
                              no name */
    const char *const *more_references; /* further names of the image */
    size_t more_reference_count;
    ocitar_platform platform;
    const char *author;
    ocitar_time created; /* years 0000 to 9999; SOURCE_DATE_EPOCH, say */
    const char *user;    /* "user[:group]" or "uid[:gid]" */
    const char *working_dir;
    const char *stop_signal;
    const char *const *entrypoint;
    size_t entrypoint_count;
    const char *const *cmd;
    size_t cmd_count;
    const char *const *env;     /* "NAME=VALUE"; else OCITAR_E_ARG */
    size_t env_count;
    const char *const *ports;   /* "80", "53/udp"; else OCITAR_E_ARG */
    size_t port_count;
    const char *const *volumes; /* paths */
    size_t volume_count;
    const ocitar_pair *labels;
    size_t label_count;
    const ocitar_pair *annotations; /* of the manifest */
    size_t annotation_count;
    const ocitar_pair *descriptor_annotations; /* in the index; keys other
                                                  than the two of the name */
    size_t descriptor_annotation_count;
    const ocitar_history *history;
    size_t history_count;
    /* An artifact (firmware, SBOM, signature) instead of a container image:
       its type. The config is then empty, `{}`, the fields for running are
       not read, the platform has no default, docker's manifest.json leaves it
       out, and its layers are what they are, without a diffID. */
    const char *artifact_type;
    const ocitar_descriptor *subject; /* the manifest that it is about:
                                         media_type, digest, size; or NULL */
    /* A config of your own, kept byte for byte, instead of one of either. */
    const void *config;
    size_t config_len;
    const char *config_media_type; /* NULL: the OCI image config's */
    uint8_t docker_types; /* 1: docker's media types for manifest, config and
                             layers (and no annotations, artifact_type or
                             subject). Of layers, those of the other family
                             are translated, whichever this is */
    uint8_t algorithm; /* of config and manifest; 0: sha256 */
} ocitar_image_desc;

/* An image being collected. Yours to place, not to touch. */
typedef struct ocitar_image ocitar_image;

/* E_ARG: a reference that is none, or one with a digest. */
OCITAR_API int ocitar_image_begin(ocitar_image *image, ocitar_index *index,
                                  const ocitar_image_desc *desc);
/* Adds a layer whose blob is in the layout already (ocitar_blob_put). Lowest
   layer first. */
OCITAR_API int ocitar_image_layer(ocitar_image *image,
                                  const ocitar_descriptor *layer);
/* Writes config and manifest. E_UTF8, E_DUPLICATE, E_RANGE, E_ARG. */
OCITAR_API int ocitar_image_end(ocitar_image *image);
/* Gives the image up, with its open layer; blobs that it wrote stay,
   unreferenced. */
OCITAR_API int ocitar_image_abandon(ocitar_image *image);
/* The image's descriptor after its end, the open image's not: NULL. Its
   diff_id is the digest of the config, which docker calls the image's ID. */
OCITAR_API const ocitar_descriptor *
ocitar_image_descriptor(const ocitar_image *image);

/* The ChainID (OCI config) of a layer: of its diffID and of the ChainID of
   what is below it, which is NULL or no digest for the lowest. */
OCITAR_API int ocitar_chain_id(ocitar_digest *out, const ocitar_digest *below,
                               const ocitar_digest *diff_id);
/* The same of an image's layers so far, all of them after its end. E_STATE:
   it has none, or they have no diffIDs. */
OCITAR_API int ocitar_image_chain_id(const ocitar_image *image,
                                     ocitar_digest *out);

/* ---- layer ------------------------------------------------------------- */

/* A compressor or decompressor of yours. It puts its output through put_fn
   while write_fn and end_fn run, any number of times, and returns put_fn's code
   if that is not 0, else 0 or a code of its own: user_code of OCITAR_E_CODEC.
   Every begin that returned 0 is followed by one end, when the layer ends or is
   abandoned; with put_fn NULL it was given up. */
typedef struct ocitar_codec {
    const char *media_type; /* of a layer that is compressed so; required */
    int (*begin_fn)(void *user);
    int (*write_fn)(void *user, const void *data, size_t len,
                    int (*put_fn)(void *put_user, const void *data,
                                  size_t len),
                    void *put_user);
    int (*end_fn)(void *user,
                  int (*put_fn)(void *put_user, const void *data, size_t len),
                  void *put_user);
    void *user;
} ocitar_codec;

enum {
    OCITAR_RAW_NONE = 0, /* the layer is made of entries */
    OCITAR_RAW_BLOB = 1, /* a finished layer, compressed or not, comes through
                            _write and is kept as it is */
    OCITAR_RAW_TAR = 2   /* a finished tar does, and the codec compresses it */
};

typedef struct ocitar_layer_desc {
    ocitar_wait wait;
    const char *media_type; /* NULL: the codec's, if there is one, else
                               application/vnd.oci.image.layer.v1.tar */
    const ocitar_pair *annotations;
    size_t annotation_count;
    const ocitar_codec *codec; /* compresses the layer; with RAW_BLOB it
                                  decompresses, for the diffID alone */
    ocitar_digest diff_id;     /* with RAW_BLOB, if you know it; else that of
                                  what the codec puts, or of the bytes */
    ocitar_key *paths;   /* refuse paths that occur twice and hard links to */
    uint32_t path_count; /* nothing: a slot for each entry. NULL: not checked;
                            full: OCITAR_E_LIMIT */
    uint8_t raw;         /* OCITAR_RAW_... */
    uint8_t algorithm;   /* of the blob; 0: sha256 */
} ocitar_layer_desc;

/* A layer being written: its entries become one tar, straight into a blob.
   Yours to place, not to touch. */
typedef struct ocitar_layer ocitar_layer;

/* `desc` may be NULL: AUTO, which needs a sink that can be patched. */
OCITAR_API int ocitar_layer_begin(ocitar_layer *layer, ocitar_image *image,
                                  const ocitar_layer_desc *desc);
/* An entry of any type but 'g' and 'S'; its body follows by _write. Errors of
   ocitar_encoder_begin; OCITAR_E_NAME: it, or what it is a hard link to,
   leaves the root; OCITAR_E_WHITEOUT: a part of it begins with ".wh.";
   OCITAR_E_SIZE: the entry before was shorter than announced. With `paths`:
   OCITAR_E_DUPLICATE, OCITAR_E_LINK. _write: OCITAR_E_SIZE, longer than
   announced; OCITAR_E_CODEC. */
OCITAR_API int ocitar_layer_entry(ocitar_layer *layer,
                                  const ocitar_entry *entry);
OCITAR_API int ocitar_layer_write(ocitar_layer *layer, const void *data,
                                  size_t len);
/* An entry whose body comes from a source: exactly entry->size bytes of it,
   else OCITAR_E_SIZE. `buffer` of 1 byte or more is lent. E_SOURCE. */
OCITAR_API int ocitar_layer_copy(ocitar_layer *layer,
                                 const ocitar_entry *entry,
                                 const ocitar_source *source, void *buffer,
                                 size_t buffer_size);

/* One entry with its body, which may be constant, in ROM. */
typedef struct ocitar_item {
    ocitar_entry entry;
    const void *data; /* entry.size bytes; NULL if it has none */
} ocitar_item;

OCITAR_API int ocitar_layer_items(ocitar_layer *layer,
                                  const ocitar_item *items, size_t count);

/* Adds the directories above `name` that the layer does not have, owner 0:0,
   mtime 0. Needs `paths`, to know them by: OCITAR_E_ARG. */
OCITAR_API int ocitar_layer_parents(ocitar_layer *layer, const char *name,
                                    uint32_t mode);

/* Owner 0:0, mtime 0; `mode` 0..07777. Parents are not added. */
OCITAR_API int ocitar_layer_file(ocitar_layer *layer, const char *name,
                                 uint32_t mode, const void *data, size_t len);
OCITAR_API int ocitar_layer_dir(ocitar_layer *layer, const char *name,
                                uint32_t mode);
OCITAR_API int ocitar_layer_symlink(ocitar_layer *layer, const char *name,
                                    const char *target);
/* `target` is the name of an entry that came before. */
OCITAR_API int ocitar_layer_link(ocitar_layer *layer, const char *name,
                                 const char *target);
/* Hides a file or directory of the layers below: an empty file ".wh." + its
   last part. Before the entries beside it, if you can (OCI layer, Whiteouts).
   Names to 500 bytes, without pax 256, else OCITAR_E_LIMIT. */
OCITAR_API int ocitar_layer_whiteout(ocitar_layer *layer, const char *name);
/* Hides all that layers below have in a directory: ".wh..wh..opq" in it. */
OCITAR_API int ocitar_layer_opaque(ocitar_layer *layer, const char *name);
/* Commits the blob and adds its descriptor to the image. */
OCITAR_API int ocitar_layer_end(ocitar_layer *layer);
OCITAR_API int ocitar_layer_abandon(ocitar_layer *layer);

/* ---- check ------------------------------------------------------------- */

enum { OCITAR_NOTE = 0, OCITAR_WARNING = 1, OCITAR_ERROR = 2 };

enum { /* what kind of thing was found */
    OCITAR_INVALID = 0,      /* it breaks a rule */
    OCITAR_MISSING = 1,      /* it is referred to, and not there */
    OCITAR_UNREFERENCED = 2, /* it is there, and nothing refers to it */
    OCITAR_UNVERIFIABLE = 3, /* its algorithm is not known here */
    OCITAR_UNCHECKED = 4     /* there was not the memory or code for it */
};

/* One finding. Rules are numbered in the README. All pointers last until the
   function that is told returns. */
typedef struct ocitar_finding {
    uint8_t rule;
    uint8_t severity; /* OCITAR_NOTE ... */
    uint8_t kind;     /* OCITAR_INVALID ... */
    const char *text; /* what the rule asks for, static, in a few words */
    const char *name; /* of the entry, or NULL */
    size_t name_len;
    ocitar_digest digest; /* of the blob; all-zero: none, or none known here */
    uint64_t expected_size, actual_size; /* bytes; both 0: not about sizes */
    ocitar_digest expected, actual;
} ocitar_finding;

/* What a claim says its target is. */
enum {
    OCITAR_ROLE_MANIFEST = 1, /* a member of an index: image or index */
    OCITAR_ROLE_CONFIG = 2,
    OCITAR_ROLE_LAYER = 3,
    OCITAR_ROLE_SUBJECT = 4,
    OCITAR_ROLE_DIFF_ID = 5,  /* of a config: only its digest is set */
    OCITAR_ROLE_PLATFORM = 6  /* of a config: only the last three are set */
};

/* A descriptor as it passes in a document. Anybody can put a document into an
   archive: a claim is worth something only if you know its `document`, by the
   digest that you expect or because index.json named it. */
typedef struct ocitar_claim {
    uint8_t role;
    uint32_t position;     /* among those of the role in its document */
    const ocitar_digest *document; /* where it stands; NULL: index.json */
    ocitar_digest digest;
    uint64_t size;
    /* UTF-8 with a NUL, or NULL if it is not there (or for want of room) */
    const char *media_type;
    const char *artifact_type;
    const char *reference; /* org.opencontainers.image.ref.name */
    const char *name;      /* io.containerd.image.name */
    const char *title;     /* org.opencontainers.image.title */
    const char *architecture, *os, *variant;
    const char *raw; /* the descriptor as it stands, or NULL */
    size_t raw_len;
} ocitar_claim;

/* One line of the checker's table. */
typedef struct ocitar_slot {
    uint8_t key[32];
    uint64_t actual;
    uint64_t claimed;
    uint32_t parent;
    uint32_t position;
    uint32_t note;
    uint32_t hint;
    uint8_t algorithm;
    uint8_t flags;
    uint8_t role;
    uint8_t media;
    uint8_t kind;
    uint8_t bad;
    uint8_t warn;
    uint8_t platform;
} ocitar_slot;

typedef struct ocitar_checker_desc {
    ocitar_slot *slots; /* one for each blob, each further reference to one,
                           and each diffID; of many, half as many more make
                           it faster */
    uint32_t slot_count; /* too few: OCITAR_E_LIMIT, and `needed` says how
                            many would do */
    void *buffer;        /* names, pax records, strings: 768 bytes at the */
    size_t buffer_size;  /* least; all three are lent until the end */
    uint64_t *seen;      /* for names that JSON objects have twice, see */
    size_t seen_count;   /* ocitar_json; NULL: not checked */
    ocitar_key *paths;   /* check layers' tars: a slot for each entry of the */
    uint32_t path_count; /* largest layer; NULL: not checked */
    void *layer_buffer;  /* with it: names and pax records, 512 or more */
    size_t layer_buffer_size;
    struct ocitar_layer_checker *layer; /* with it */
    char *raw;           /* for the text of one descriptor, which claims then */
    size_t raw_size;     /* have; or NULL */
    const ocitar_engine *engine; /* hashes, or NULL */
    ocitar_digest expected; /* of a manifest or index that index.json must
                               name, and of which, and of all else, no config
                               and no layer may lack; none: any */
    /* A decompressor for a blob that begins with these 4 bytes, for diffIDs
       and layers; or NULL: not checked. One blob at a time. Optional. */
    const ocitar_codec *(*codec_fn)(void *user, const uint8_t magic[4]);
    uint64_t max_unpacked; /* bytes of one layer; 0: 2^40 */
    uint64_t max_entries;  /* 0: a million */
    uint64_t max_bytes;    /* 0: 2^63-1 */
    uint32_t max_tokens;   /* of one JSON document; 0: 16 million */
    uint32_t max_depth;    /* of JSON; 0: OCITAR_JSON_DEPTH_MAX */
    uint8_t strict; /* 1: warnings are errors, and so is what is missing */
    uint8_t core;   /* 1: only the errors of tar, layout, descriptors, digests
                       and sizes: what a device must know of its update */
    /* All optional; a code other than 0 ends the check: OCITAR_E_HOOK. */
    int (*finding_fn)(void *user, const ocitar_finding *finding);
    int (*claim_fn)(void *user, const ocitar_claim *claim);
    /* A blob begins. 1: its bytes go to tap_fn as they pass, good only if the
       whole check is; 0: they do not; else it ends the check. */
    int (*blob_fn)(void *user, const ocitar_digest *digest, uint64_t size);
    int (*tap_fn)(void *user, const void *data, size_t len);
    void *user;
} ocitar_checker_desc;

/* A layer's tar being checked: what it holds is the checker's. */
typedef struct ocitar_layer_checker ocitar_layer_checker;

/* Reads an archive once, in fixed memory, and tells what breaks the image
   specification. Yours to place; to read are the counts: uint32_t errors,
   warnings, notes, and needed, the slots that would do. */
typedef struct ocitar_checker ocitar_checker;

/* E_ARG. */
OCITAR_API int ocitar_checker_begin(ocitar_checker *checker,
                                    const ocitar_checker_desc *desc);
/* Goes on after findings. OCITAR_E_HOOK, E_HASH; OCITAR_E_FORMAT, E_LIMIT: the
   tar cannot be read on, which is a finding, too. */
OCITAR_API int ocitar_checker_push(ocitar_checker *checker, const void *data,
                                   size_t len);
/* All of an archive out of a source with get_at_fn, in place of pushes: where
   the processor has the instructions, large blobs are hashed two or three at
   a time, and what nobody looks into is not read again. The source must not
   change meanwhile. `buffer` is 3 KiB or more, 192 KiB recommended.
   OCITAR_E_ARG, E_SOURCE (its code in checker->user_code); as push. */
OCITAR_API int ocitar_checker_read(ocitar_checker *checker,
                                   const ocitar_source *source, void *buffer,
                                   size_t buffer_size);
/* The verdict: OCITAR_OK if there was no error; OCITAR_E_INVALID; E_LIMIT:
   more than `slots` hold, so that nothing is known; E_HOOK, E_HASH. */
OCITAR_MUST OCITAR_API int ocitar_checker_end(ocitar_checker *checker);

/* The rule's text, static; "" for numbers that are none. */
OCITAR_API const char *ocitar_rule_text(int rule);

/* ---- find -------------------------------------------------------------- */

/* What a document says of something, or a blob that is there. */
typedef struct ocitar_line {
    ocitar_descriptor descriptor; /* of a blob only digest and size; with its
                                     text as it stands in `raw` */
    const char *reference;  /* org.opencontainers.image.ref.name, or NULL */
    const char *title;      /* org.opencontainers.image.title, or NULL */
    uint64_t offset;        /* of a blob: where its bytes are in the archive */
    uint32_t document;      /* the blob where it stands, as a line's number */
    uint32_t first, count;  /* of a blob: the lines that stand in it */
    uint32_t position;      /* among those of its role in its document */
    uint8_t role;           /* OCITAR_ROLE_... */
    uint8_t marked;         /* 1: to be copied */
} ocitar_line;

enum { OCITAR_ROLE_BLOB = 8 };     /* a line that is a blob */
#define OCITAR_IN_INDEX 0x7fffffff /* `document`: index.json */

/* What an archive has, kept while a checker reads it. Fill in the arrays, zero
   the rest; then give it to the checker. */
typedef struct ocitar_catalog {
    ocitar_line *lines;     /* one for each blob, descriptor and diffID */
    uint32_t line_count;    /* too few: OCITAR_E_LIMIT, and `needed` */
    uint32_t *table;        /* to find blobs by: twice as many as blobs */
    uint32_t table_count;
    char *text;             /* strings and descriptors as they stand */
    size_t text_size;       /* too few bytes: likewise, `text_needed` */
    uint32_t used, needed;  /* lines */
    size_t text_used, text_needed;
    const struct ocitar_checker *checker;
    uint32_t blob;          /* the open one, plus 1 */
    uint32_t blobs;
} ocitar_catalog;

/* Sets claim_fn, blob_fn and user of a checker's description, before its
   begin. Its `raw` must have room for a descriptor's text, else lines have
   none. */
OCITAR_API int ocitar_catalog_begin(ocitar_catalog *catalog,
                                    const struct ocitar_checker *checker,
                                    ocitar_checker_desc *desc);
/* OCITAR_E_LIMIT: lines, table or text did not do. */
OCITAR_API int ocitar_catalog_end(const ocitar_catalog *catalog);

/* The line of a blob; NULL: it is not there. */
OCITAR_API ocitar_line *ocitar_catalog_blob(const ocitar_catalog *catalog,
                                            const ocitar_digest *digest);
/* The first line of index.json from *cursor on (NULL: from 0) that fits: a full
   name, a tag as it stands or a digest (NULL: any), and a platform, whose NULL
   fields fit any (NULL: any). A nested index is looked into for a platform.
   *cursor moves behind it. */
OCITAR_API ocitar_line *ocitar_catalog_find(const ocitar_catalog *catalog,
                                            uint32_t *cursor,
                                            const char *reference,
                                            const ocitar_platform *platform);
/* Marks the blob that a line is about, and all that it needs; foreign layers,
   which may be kept elsewhere, only with `foreign`. Returns how many are not
   there, without foreign ones. */
OCITAR_API uint32_t ocitar_catalog_mark(ocitar_catalog *catalog,
                                        const ocitar_line *line, int foreign);

/* A blob being read. Yours to place, not to touch. */
typedef struct ocitar_verified ocitar_verified;

/* The blob of a line as a source, out of an archive that gets at offsets or a
   source that is the blob. Its bytes are good only once get_fn has told the
   end: if they are not, it gives OCITAR_E_DIGEST there, or OCITAR_E_SIZE for
   an end that comes too soon; other codes are those of `from`. */
OCITAR_API int ocitar_verified_begin(ocitar_verified *verified,
                                     const ocitar_line *blob,
                                     const ocitar_source *from,
                                     ocitar_source *out);

/* Copies one blob likewise. `verified` 0: it is hashed once more. Check its
   errors: OCITAR_E_SOURCE, E_DIGEST, and those of a KNOWN blob. (To edit an
   index, add the lines that shall stay to a new one, by ocitar_index_add: those
   under a name but the one that is replaced, or all but one, or one with
   another name.) */
OCITAR_API int ocitar_catalog_copy(const ocitar_line *blob,
                                   const ocitar_source *source, int verified,
                                   ocitar_layout *layout, void *buffer,
                                   size_t buffer_size);

/* ---- hosted (POSIX) ---------------------------------------------------- */

#ifndef OCITAR_NO_HOSTED

/* A file descriptor of yours as a sink or source. It stays yours: nothing
   closes it. Short writes and EINTR are dealt with; user codes are errno. */
typedef struct ocitar_fd {
    int descriptor;
    int64_t start;   /* offset at begin; -1: cannot seek */
    int64_t seen[5]; /* size and times, to tell whether it changed */
    uint8_t is_pipe;
} ocitar_fd;

OCITAR_API void ocitar_fd_begin(ocitar_fd *fd, int descriptor);
/* Patchable if it is a regular file that was not opened to append. On Linux a
   file's bytes may go straight from the file to it: what a pipe has not given
   to its reader is then still the file's, which must not change. */
OCITAR_API void ocitar_fd_sink(ocitar_fd *fd, ocitar_sink *out);
/* Rewindable, and read at offsets, if it can seek. */
OCITAR_API void ocitar_fd_source(ocitar_fd *fd, ocitar_source *out);

/* realloc and free. */
OCITAR_API void ocitar_heap(ocitar_allocator *out);

/* An unnamed temporary file as a store, made when the first byte comes. */
typedef struct ocitar_temp {
    const char *directory;
    int64_t size;
    int descriptor;
    uint8_t live; /* a zeroed one is none */
} ocitar_temp;

/* `directory` is lent until the end; NULL: "/tmp". */
OCITAR_API void ocitar_temp_begin(ocitar_temp *temp, const char *directory);
OCITAR_API void ocitar_temp_store(ocitar_temp *temp, ocitar_store *out);
OCITAR_API void ocitar_temp_end(ocitar_temp *temp);

/* A file that appears under its name complete or not at all: written beside
   it, then renamed. What exists and is no regular file (a device, a fifo) is
   opened and written straight, never replaced; "-" is standard output. */
typedef struct ocitar_output {
    ocitar_fd fd; /* for ocitar_fd_sink */
    int directory; /* of the file, open; -1: written straight */
    uint8_t live;  /* a zeroed one is none */
    char name[256]; /* bytes of a file name on every system known */
    char temp[256];
} ocitar_output;

/* OCITAR_E_SYSTEM with errno in *user_code, which may be NULL. */
OCITAR_MUST OCITAR_API int ocitar_output_open(ocitar_output *output,
                                              const char *path,
                                              int *user_code);
/* Renames; with `sync` the file is on the disk before that. Standard output
   is left open: close it and check, if late errors matter. */
OCITAR_MUST OCITAR_API int ocitar_output_commit(ocitar_output *output,
                                                int sync, int *user_code);
OCITAR_API void ocitar_output_abandon(ocitar_output *output);

/* An image layout in a directory, with all five operations of a driver. What
   has the name of an object, an index.json say, is replaced by it. Each
   object is written beside its place and renamed, so none is ever half there;
   a blob that is there with its size is not written again. Links are not
   followed, and nothing outside is touched whatever the names say. */
typedef struct ocitar_directory ocitar_directory;

/* Makes `path` if it is not there. With `sync` each object is on the disk
   before it gets its name. OCITAR_E_SYSTEM with errno in *user_code. */
OCITAR_MUST OCITAR_API int ocitar_directory_begin(ocitar_directory *directory,
                                                  const char *path, int sync,
                                                  int *user_code);
/* Sets driver, driver_user and root, for ocitar_layout_begin(.., NULL, ..).
   Blobs need no place to wait: AUTO will do, one at a time. */
OCITAR_API void ocitar_directory_layout(ocitar_directory *directory,
                                        ocitar_layout_desc *out);
/* As ocitar_archive_finish; what was written is there in any case. */
OCITAR_MUST OCITAR_API int ocitar_directory_finish(
    ocitar_directory *directory);
/* Closes what is open; after finish, or instead of it. */
OCITAR_API void ocitar_directory_end(ocitar_directory *directory);
OCITAR_API const ocitar_error *
ocitar_directory_error(const ocitar_directory *directory);

/* What a directory walk has to tell. */
enum {
    OCITAR_TREE_ENTRY = 1,  /* about to be added; 0: go on, else stop */
    OCITAR_TREE_SKIPPED = 2, /* a socket: no tar can hold it */
    OCITAR_TREE_FAILED = 3  /* this is where the walk failed */
};

typedef struct ocitar_tree_desc {
    const char *path;                  /* the directory */
    const ocitar_allocator *allocator; /* required; all is freed at the end */
    void *buffer;                      /* for the files' bytes; required */
    size_t buffer_size;                /* 512 or more, 65536 recommended */
    ocitar_time mtime_max;             /* later mtimes become this one */
    uint32_t uid;                      /* with `own` */
    uint32_t gid;
    uint32_t mode_mask;  /* bits that no mode keeps: 06000, 0022 */
    uint8_t own;         /* 1: all belong to uid and gid */
    uint8_t nanoseconds; /* 1: mtimes in full, by pax records; else seconds,
                            as containerd writes them */
    uint8_t no_xattrs;   /* 1: no extended attributes */
    uint8_t with_root;   /* 1: an entry "./" for the directory itself */
    /* What is left out, with all that is below it: paths from the directory
       on, perhaps with a '/' before, or if there is no '/' the last part of
       one. '*' stands for any bytes but '/', "**"
       for any bytes, '?' for one that is not '/'. */
    const char *const *exclude;
    size_t exclude_count;
    /* Optional. `name` is relative; it lasts until the call returns. A code
       other than 0 stops the walk: user_code of OCITAR_E_SOURCE. */
    int (*notify_fn)(void *user, int what, const char *name, int system_error);
    void *notify_user;
} ocitar_tree_desc;

/* Adds what is below a directory: names in byte order within each directory,
   links not followed, hard links kept, sockets skipped, owners, modes, mtimes
   and extended attributes kept (on Linux: "user.", "trusted.", capabilities
   and ACLs, but not what describes this machine: labels, overlay's marks; of
   links and devices where /proc is mounted). OCITAR_E_CHANGED: a file that
   changed meanwhile; OCITAR_E_SYSTEM, OCITAR_E_MEMORY. */
OCITAR_API int ocitar_layer_tree(ocitar_layer *layer,
                                 const ocitar_tree_desc *desc);

#endif /* OCITAR_NO_HOSTED */

/* ---- insides -----------------------------------------------------------
   Read no further: what is yours to place and not to touch stands here, for
   the compiler, which must know how large it is. */

struct ocitar_node {
    struct ocitar_node *parent;
    int16_t error;       /* its own first error */
    int16_t child_error; /* the first error below it that still stands */
    uint32_t failed;     /* nodes below with an error, not abandoned */
    uint32_t open;       /* nodes below that were begun and not ended */
    uint8_t state;
    uint8_t counted;     /* it counts in its parents' `open` */
};

struct ocitar_root {
    ocitar_node node;
    ocitar_error error;
    int user_code; /* a driver's detail on the code that it returns */
    uint8_t poisoned;
    uint8_t finished;
};

struct ocitar_digester {
    union {
        struct { uint32_t h[8]; uint8_t block[64]; } s256;
        struct { uint64_t h[8]; uint8_t block[128]; } s512;
        uint64_t engine[24];
    } state;
    uint64_t length;
    const ocitar_engine *engine;
    int error; /* the engine's own code */
    uint8_t algorithm;
    uint8_t live;
    uint8_t kernel; /* which of the bundled SHA-256 fits this processor */
};

struct ocitar_encoder {
    const ocitar_entry *entry;
    const char *last_key;  /* of the record that was begun last */
    size_t last_key_len;
    size_t record_at;      /* position in the record under way */
    size_t record_len;
    size_t data_left;      /* bytes of pax data still to come */
    size_t data_len;
    ocitar_time mtime;     /* rounded if the format asks for it */
    uint16_t records;      /* a bit for each record that is generated */
    uint8_t phase;
    uint8_t pax;
    uint8_t drop_times;
    char typeflag;
};

struct ocitar_archive {
    ocitar_root root; /* first */
    ocitar_sink sink;
    int (*hook_fn)(void *user, ocitar_entry *entry);
    void *hook_user;
    uint8_t *buffer;
    uint64_t flushed;     /* bytes that the sink has */
    uint64_t left;        /* body bytes that the open entry still lacks */
    uint64_t entry_start; /* where its first header block is */
    uint32_t used;        /* bytes in the buffer */
    uint16_t head;        /* blocks of the entry's head */
    uint8_t entry;        /* is one open, and of which kind */
    uint8_t shift;        /* the buffer is used up to 1 << shift bytes */
};

struct ocitar_spool {
    ocitar_spool_desc desc;
    uint8_t *memory;
    size_t capacity;
    size_t used;
    uint64_t total;
    uint8_t busy;
    uint8_t stale; /* its store could not be emptied: try before next use */
};

struct ocitar_layout {
    ocitar_node node;
    const ocitar_driver *driver;
    void *driver_user;
    ocitar_key *keys;
    const ocitar_engine *engine;
    ocitar_rehearsal *rehearsal;
    uint32_t key_count;
    uint8_t algorithms;
    uint8_t initialised;
    uint8_t indexed; /* it has its index, or one is open */
    uint8_t kernel;  /* of its digesters */
};

struct ocitar_file {
    ocitar_node node;
    ocitar_layout *layout;
    const char *name;
    size_t name_len;
    ocitar_spool *spool;
    uint32_t mode;
};

struct ocitar_blob {
    ocitar_node node;
    ocitar_layout *layout;
    union {
        ocitar_spool *spool;    /* SPOOL */
        ocitar_rehearsed *line; /* PATCH and KNOWN, if rehearsed */
    } in;
    uint64_t size;     /* so far */
    uint64_t expected; /* KNOWN */
    ocitar_digester digester;
    ocitar_digest digest; /* KNOWN: the announced one; else after commit */
    uint8_t way;
    uint8_t known_here; /* it is in the layout already: bytes are dropped */
};

struct ocitar_index {
    ocitar_node node;
    ocitar_layout *layout;
    ocitar_index_desc desc;
    size_t count;
    size_t image_start;        /* where the open image's layers begin */
    size_t image_end;          /* its own slot, if that is known */
    const ocitar_pair *nest_annotations; /* of the open nested index */
    size_t nest_annotation_count;
    size_t nest;                /* its slot, plus 1; 0: none is open */
    ocitar_digest digest;       /* of index.json, once that is known */
    struct ocitar_image *image; /* the open one */
    uint8_t ahead;             /* metadata first, in the second run */
    uint8_t held;              /* it is the layout's one index */
    uint8_t empty;             /* algorithms of the empty configs that are
                                  out */
    uint8_t ready;             /* its begin succeeded */
};

struct ocitar_image {
    ocitar_node node;
    ocitar_index *index;
    ocitar_image_desc desc;
    const ocitar_descriptor *descriptor;
    void *layer;        /* the open one */
    int (*layer_fn)(void *layer); /* how it is abandoned */
    uint8_t ready;      /* its begin succeeded */
};

struct ocitar_layer {
    ocitar_blob blob; /* first */
    ocitar_image *image;
    ocitar_layer_desc desc;
    ocitar_digester diff; /* of the tar, where a codec stands between */
    int64_t entry_size;   /* of the last entry */
    uint64_t left;        /* body bytes that it still lacks */
    uint64_t size;        /* of the tar so far */
    uint8_t trailer;      /* all bytes are in, and the codec has ended */
    uint8_t coding;       /* the codec has begun and not ended */
};

struct ocitar_layer_checker {
    ocitar_reader reader;
    ocitar_key *paths;
    uint32_t path_count;
    uint8_t kernel;
    uint8_t bad, warn, unchecked; /* rules */
    uint8_t whiteout; /* the entry is one, and must be empty */
};

struct ocitar_checker {
    uint32_t errors, warnings, notes;
    uint32_t needed; /* slots */
    ocitar_checker_desc desc;
    ocitar_reader reader;
    ocitar_digester blob;     /* the open one's content */
    ocitar_digester data;     /* of an inline `data`, or a diffID */
    ocitar_digest digest;     /* that the entry's name says */
    ocitar_json json;
    ocitar_claim claim;
    int error, user_code;
    uint32_t os_version;      /* as a hash */
    uint32_t used;            /* slots */
    uint32_t node;            /* of the open blob, plus 1 */
    uint32_t facts;           /* of the document */
    uint32_t layers, manifests, diffs, history;
    char words[3][16];        /* a config's architecture, os, variant */
    uint64_t unpacked, inlined;
    const ocitar_codec *codec;
    size_t strings;           /* of the claim, in the buffer */
    uint8_t row;              /* what the open name means */
    uint8_t file;             /* what the entry is */
    uint8_t files;            /* which came */
    uint8_t document;         /* is it being parsed */
    uint8_t bad, warn;        /* rules that it breaks first */
    uint8_t kernel;
    uint8_t kind;             /* what the blob seems to be */
    uint8_t judged;
    int8_t verdict;           /* once it is judged */
    uint8_t unchecked;        /* 1: a layer's tar, 2: a diffID, 4: data */
    uint8_t part;             /* the key or string goes on */
    uint8_t media, doc_media;
    uint8_t got;              /* which fields of the descriptor came */
    uint8_t tap;
    uint8_t magic[4];
    uint8_t magic_len;
    uint8_t base64;           /* digits held */
    uint32_t bits;            /* and their value */
    uint8_t contexts[8];      /* what knows a meaning is less deep */
};

struct ocitar_verified {
    ocitar_source from;
    ocitar_digester digester;
    ocitar_digest digest;
    uint64_t offset;
    uint64_t left;
};

#ifndef OCITAR_NO_HOSTED
struct ocitar_directory {
    ocitar_root root; /* first */
    ocitar_fd reading; /* of ocitar_layout_reader: one at a time */
    int descriptor;
    int parent;       /* of the object that is being written */
    int file;
    uint8_t sync;
    char name[256];
    char temp[64];
};
#endif

#ifdef __cplusplus
}
#endif
#endif /* OCITAR_H */

#if defined OCITAR_IMPLEMENTATION || defined OCITAR_STATIC
#ifndef OCITAR_IMPLEMENTED
#define OCITAR_IMPLEMENTED

/* What of it is wanted. */
#if defined OCITAR_WRITER_ONLY && defined OCITAR_CHECKER_ONLY
#  error "define OCITAR_WRITER_ONLY or OCITAR_CHECKER_ONLY; for both, neither"
#endif
#if defined _WIN32 && !defined OCITAR_NO_HOSTED
#  error "the hosted part is for POSIX: define OCITAR_NO_HOSTED"
#endif
#if defined OCITAR_WRITER_ONLY && defined OCITAR_CHECKER_CORE
#  error "OCITAR_WRITER_ONLY has no checker for OCITAR_CHECKER_CORE: drop one"
#endif
#ifdef OCITAR_CHECKER_ONLY
#  define OCITAR_I_WRITES 0
#else
#  define OCITAR_I_WRITES 1
#endif
#ifdef OCITAR_WRITER_ONLY
#  define OCITAR_I_READS 0
#else
#  define OCITAR_I_READS 1
#endif
#if OCITAR_I_WRITES && !defined OCITAR_NO_IMAGE
#  define OCITAR_I_IMAGES 1
#else
#  define OCITAR_I_IMAGES 0
#endif
/* Conditions for the compiler, which drops what cannot be. */
#ifdef OCITAR_NO_PAX
#  define OCITAR_I_PAX 0
#else
#  define OCITAR_I_PAX 1
#endif
#ifdef OCITAR_CHECKER_CORE
#  define OCITAR_I_FULL 0
#else
#  define OCITAR_I_FULL 1
#endif
/* Not inlined: what it has on the stack is gone when others get deep. */
#if defined __GNUC__
#  define OCITAR_I_APART __attribute__((noinline))
#elif defined _MSC_VER
#  define OCITAR_I_APART __declspec(noinline)
#else
#  define OCITAR_I_APART
#endif
/* Nor may gcc know what its callers hand over. */
#if defined __has_attribute && !defined OCITAR_SMALL
#  if __has_attribute(noipa)
#    define OCITAR_I_OPAQUE __attribute__((noipa))
#  endif
#endif
#ifndef OCITAR_I_OPAQUE
#  define OCITAR_I_OPAQUE
#endif
#if defined __GNUC__ && defined __BYTE_ORDER__ && !defined OCITAR_SMALL
#  if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#    define OCITAR_I_SWAPS
#  endif
#endif
#ifdef OCITAR_NO_ERROR_TEXT
#  define OCITAR_I_WHY(text) ((void)(text), (const char *)NULL)
#else
#  define OCITAR_I_WHY(text) (text)
#endif

/* The sections below stand low to high: each calls only what is above it.
   The functions of the user are called from stream, spool, digest (a foreign
   engine), json (tokens), archive (the hook, and what a reader tells), layer
   and check (codecs), and check; drivers from layout. */

#if !defined OCITAR_MEMCPY && !defined OCITAR_MEMMOVE && \
    !defined OCITAR_MEMSET && !defined OCITAR_MEMCMP
#  ifdef __GNUC__
#    define OCITAR_MEMCPY __builtin_memcpy
#    define OCITAR_MEMMOVE __builtin_memmove
#    define OCITAR_MEMSET __builtin_memset
#    define OCITAR_MEMCMP __builtin_memcmp
#  else
#    include <string.h>
#    define OCITAR_MEMCPY memcpy
#    define OCITAR_MEMMOVE memmove
#    define OCITAR_MEMSET memset
#    define OCITAR_MEMCMP memcmp
#  endif
#endif
#if !defined OCITAR_MEMCPY || !defined OCITAR_MEMMOVE || \
    !defined OCITAR_MEMSET || !defined OCITAR_MEMCMP
#  error "define all of OCITAR_MEMCPY, _MEMMOVE, _MEMSET, _MEMCMP, or none"
#endif

/* An AVR reads its program memory by instructions of its own, and copies
   constants that are read like all others to its RAM when it starts: tables
   and long texts are fetched by these. */
#ifdef __AVR__
#  include <avr/pgmspace.h>
#  define OCITAR_I_ROM PROGMEM
#  define OCITAR_I_ROM_TEXT(text) PSTR(text)
#  define OCITAR_I_ROM_CHAR(at) ((char)pgm_read_byte(at))
#  define OCITAR_I_ROM_COPY(to, from, n) memcpy_P(to, from, n)
#  define OCITAR_I_ROM_COMPARE(a, rom, n) memcmp_P(a, rom, n)
#else
#  define OCITAR_I_ROM
#  define OCITAR_I_ROM_TEXT(text) (text)
#  define OCITAR_I_ROM_CHAR(at) (*(at))
#  define OCITAR_I_ROM_COPY(to, from, n) OCITAR_MEMCPY(to, from, n)
#  define OCITAR_I_ROM_COMPARE(a, rom, n) OCITAR_MEMCMP(a, rom, n)
#endif

/* Whose headers these are matters: with -ffreestanding there may be none. */
#if defined OCITAR_NO_INTRINSICS && defined OCITAR_FORCE_INTRINSICS
#  error "define OCITAR_NO_INTRINSICS or OCITAR_FORCE_INTRINSICS, not both"
#endif
#if defined OCITAR_NO_INTRINSICS || !__STDC_HOSTED__
/* portable C */
#elif (defined __x86_64__ || defined __i386__) && defined __GNUC__
#  include <cpuid.h>
#  include <immintrin.h>
#  if defined __GLIBC_PREREQ && !defined OCITAR_NO_HOSTED && \
      !defined __cplusplus /* its header says _Bool */
#    if __GLIBC_PREREQ(2, 33) /* which asks the processor when it starts */
#      include <sys/platform/x86.h>
#      define OCITAR_I_GLIBC_KNOWS
#    endif
#  endif
#  define OCITAR_I_UNIT __attribute__((__target__("sha,sse4.1")))
#elif defined _MSC_VER && (defined _M_X64 || defined _M_IX86) && \
    (!defined __clang__ || (defined __SHA__ && defined __SSE4_1__))
#  include <intrin.h> /* of which clang's asks for -msha -msse4.1 */
#  define OCITAR_I_UNIT
#elif defined __AARCH64EL__ && defined __GNUC__ && \
    (!defined __clang__ || __clang_major__ >= 16 || \
     defined __ARM_FEATURE_SHA2 || defined __ARM_FEATURE_CRYPTO)
#  include <arm_neon.h>
#  if defined __linux__ && !defined OCITAR_NO_HOSTED
#    include <sys/auxv.h>
#  endif
#  ifdef __clang__
#    define OCITAR_I_UNIT __attribute__((__target__("sha2")))
#  else
#    define OCITAR_I_UNIT __attribute__((__target__("+crypto")))
#  endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ==== bytes =============================================================
   Numbers and strings in memory. Calls nobody. */

static size_t ocitar_i_bytes_length(const char *s, size_t len)
{
    if (s == NULL)
        return 0;
    if (len == 0)
        while (s[len] != 0)
            len++;
    return len;
}

static int ocitar_i_bytes_equal(const char *a, size_t a_len, const char *b,
                                size_t b_len)
{
    return a_len == b_len && (a_len == 0 || OCITAR_MEMCMP(a, b, a_len) == 0);
}

/* Byte order, the shorter first: what sorts pax records and Go's maps. */
static int ocitar_i_bytes_compare(const char *a, size_t a_len, const char *b,
                                  size_t b_len)
{
    size_t n = a_len < b_len ? a_len : b_len;
    int d = n == 0 ? 0 : OCITAR_MEMCMP(a, b, n);

    if (d == 0)
        d = a_len < b_len ? -1 : a_len > b_len;
    return d;
}

static int ocitar_i_bytes_has(const char *s, size_t len, char c)
{
    size_t i;

    for (i = 0; i < len; i++)
        if (s[i] == c)
            return 1;
    return 0;
}

/* Divides by ten; returns the remainder. A compiler's division of 64 bits is
   large where words have 32. */
static unsigned ocitar_i_bytes_tenth(uint64_t *value)
{
#ifdef OCITAR_SMALL
    uint32_t high = (uint32_t)(*value >> 32), low = (uint32_t)*value;
    uint32_t middle = high % 10 << 16 | low >> 16;

    low = middle % 10 << 16 | (low & 0xffff);
    *value = (uint64_t)(high / 10) << 32 | (middle / 10 << 16) | low / 10;
    return (unsigned)(low % 10);
#else
    unsigned rest = (unsigned)(*value % 10);

    *value /= 10;
    return rest;
#endif
}

/* Decimal digits without a NUL; 20 bytes hold every value. */
static size_t ocitar_i_bytes_decimal(char *out, uint64_t value)
{
    char digits[20];
    size_t n = 0, i;

    do {
        digits[n++] = (char)('0' + ocitar_i_bytes_tenth(&value));
    } while (value != 0);
    for (i = 0; i < n; i++)
        out[i] = digits[n - 1 - i];
    return n;
}

/* A signed one, 20 bytes as well. */
static size_t ocitar_i_bytes_signed(char *out, int64_t value)
{
    size_t n = 0;

    if (value < 0)
        out[n++] = '-';
    return n + ocitar_i_bytes_decimal(
                   out + n, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* Zeros, where many are written often: what gcc makes of a memset whose length
   it knows (rep stos) is slower than the function. */
static OCITAR_I_OPAQUE void ocitar_i_bytes_clear(void *p, size_t len)
{
    OCITAR_MEMSET(p, 0, len);
}

/* Octal digits that fill `width` bytes. */
static void ocitar_i_bytes_octal(uint8_t *out, size_t width, uint64_t value)
{
    OCITAR_MEMSET(out, '0', width);
    for (; width > 0 && value != 0; value >>= 3)
        out[--width] = (uint8_t)('0' + (int)(value & 7));
}

static uint32_t ocitar_i_bytes_load32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           p[3];
}

static void ocitar_i_bytes_store32(uint8_t *p, uint32_t v)
{
#ifdef OCITAR_I_SWAPS /* or gcc would make vectors of the bytes of several */
    v = __builtin_bswap32(v);
    OCITAR_MEMCPY(p, &v, 4);
#else
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
#endif
}

static void ocitar_i_bytes_store64(uint8_t *p, uint64_t v)
{
    ocitar_i_bytes_store32(p, (uint32_t)(v >> 32));
    ocitar_i_bytes_store32(p + 4, (uint32_t)v);
}

/* ==== errors ============================================================
   Codes in words, and the tree of nodes in which errors stick and are
   forgiven. Calls bytes. */

#ifdef OCITAR_NO_ERROR_TEXT
OCITAR_API const char *ocitar_error_name(int code)
{
    return code == 0 ? "OK" : "E_?";
}

OCITAR_API const char *ocitar_error_text(int code)
{
    return code == 0 ? "no error" : "error";
}
#else
typedef struct ocitar_i_error_row {
    const char *name;
    const char *text;
} ocitar_i_error_row;

static const ocitar_i_error_row *ocitar_i_error_find(int code)
{
    static const ocitar_i_error_row rows[] = {
        { "OK", "no error" },
        { "E_ARG", "bad argument" },
        { "E_STATE", "not possible in this state" },
        { "E_BUSY", "another entry is being written" },
        { "E_SINK", "the sink failed" },
        { "E_SOURCE", "the source failed" },
        { "E_SPOOL", "the spool failed" },
        { "E_SIZE", "unexpected size" },
        { "E_DIGEST", "unexpected digest" },
        { "E_UNSUPPORTED", "not supported" },
        { "E_NAME", "a name that is not possible here" },
        { "E_RANGE", "out of range" },
        { "E_LIMIT", "limit reached" },
        { "E_MEMORY", "out of memory" },
        { "E_UTF8", "not UTF-8" },
        { "E_DUPLICATE", "a duplicate key" },
        { "E_CHANGED", "the input changed while it was read" },
        { "E_HOOK", "the entry hook refused" },
        { "E_HASH", "the hash engine failed" },
        { "E_SYSTEM", "the system failed" },
        { "E_LINK", "a hard link to what is not in the layer" },
        { "E_WHITEOUT", "a name that only a whiteout may have" },
        { "E_CODEC", "the codec failed" },
        { "E_FORMAT", "malformed input" },
        { "E_INVALID", "an archive that breaks a rule" },
        { "E_?", "unknown error" }
    };
    const int last = (int)(sizeof rows / sizeof rows[0]) - 1;

    return &rows[code > 0 || code <= -last ? last : -code];
}

OCITAR_API const char *ocitar_error_name(int code)
{
    return ocitar_i_error_find(code)->name;
}

OCITAR_API const char *ocitar_error_text(int code)
{
    return ocitar_i_error_find(code)->text;
}
#endif

#if OCITAR_I_WRITES

enum { /* states of a node */
    OCITAR_I_INERT = 0, /* all-zero: never begun */
    OCITAR_I_OPEN = 1,
    OCITAR_I_DONE = 2,
    OCITAR_I_GONE = 3 /* abandoned */
};

static ocitar_root *ocitar_i_node_root(ocitar_node *node)
{
    while (node->parent != NULL)
        node = node->parent;
    return (ocitar_root *)(void *)node; /* a root begins with its node */
}

static ocitar_error *ocitar_i_root_record(ocitar_root *root, int code,
                                          int user_code, const char *subject)
{
    OCITAR_MEMSET(&root->error, 0, sizeof root->error);
    root->error.code = code;
    root->error.user_code = user_code;
    root->error.subject = OCITAR_I_WHY(subject);
    return &root->error;
}

/* For good: nothing under this root can be completed any more. */
static int ocitar_i_root_poison(ocitar_root *root, int code, int user_code,
                                const char *subject)
{
    if (!root->poisoned) {
        root->poisoned = 1;
        ocitar_i_root_record(root, code, user_code, subject);
    }
    return root->error.code;
}

/* Attaches a node, from whatever was in its memory, to a live parent. */
static int ocitar_i_node_begin(ocitar_node *node, ocitar_node *parent,
                               int counted)
{
    OCITAR_MEMSET(node, 0, sizeof *node);
    if (parent == NULL || parent->state != OCITAR_I_OPEN)
        return OCITAR_E_STATE;
    node->parent = parent;
    node->state = OCITAR_I_OPEN;
    node->counted = (uint8_t)counted;
    if (counted)
        for (; parent != NULL; parent = parent->parent)
            parent->open++;
    return OCITAR_OK;
}

/* 0 if the node and all above it are open and without an error. */
static int ocitar_i_node_check(ocitar_node *node)
{
    ocitar_node *n;
    ocitar_root *root;

    if (node->state == OCITAR_I_INERT)
        return OCITAR_E_STATE;
    root = ocitar_i_node_root(node);
    if (root->poisoned)
        return root->error.code;
    if (node->state != OCITAR_I_OPEN)
        return OCITAR_E_STATE;
    for (n = node; n != NULL; n = n->parent) {
        if (n->error != 0)
            return n->error;
        if (n->state != OCITAR_I_OPEN)
            return OCITAR_E_STATE;
    }
    return OCITAR_OK;
}

/* The error sticks to the node and is counted above it. The returned record
   may be given details; it is a spare one if an earlier error stands. */
static int ocitar_i_node_fail(ocitar_node *node, int code, int user_code,
                              const char *subject)
{
    ocitar_root *root = ocitar_i_node_root(node);
    ocitar_node *n;

    if (root->poisoned)
        return root->error.code;
    if (node->error != 0)
        return node->error;
    if (root->node.failed == 0 && root->node.error == 0)
        ocitar_i_root_record(root, code, user_code, subject);
    node->error = (int16_t)code;
    for (n = node->parent; n != NULL; n = n->parent)
        if (n->failed++ == 0)
            n->child_error = (int16_t)code;
    return code;
}

/* The record to give details to, if the next failure will be the first. */
static ocitar_error *ocitar_i_node_fresh(ocitar_node *node)
{
    ocitar_root *root = ocitar_i_node_root(node);

    return root->poisoned || root->node.failed != 0 || root->node.error != 0
               ? NULL
               : &root->error;
}

/* As fail, with the two sizes or digests that differ. */
static int ocitar_i_node_differ(ocitar_node *node, int code,
                                const char *subject, uint64_t expected,
                                uint64_t actual)
{
    ocitar_error *fresh = ocitar_i_node_fresh(node);

    code = ocitar_i_node_fail(node, code, 0, subject);
    if (fresh != NULL) {
        fresh->expected_size = expected;
        fresh->actual_size = actual;
    }
    return code;
}

static int ocitar_i_node_differ_digest(ocitar_node *node, int code,
                                       const char *subject,
                                       const ocitar_digest *expected,
                                       const ocitar_digest *actual)
{
    ocitar_error *fresh = ocitar_i_node_fresh(node);

    code = ocitar_i_node_fail(node, code, 0, subject);
    if (fresh != NULL) {
        fresh->expected = *expected;
        fresh->actual = *actual;
    }
    return code;
}

/* Takes a share out of the counts above a node. What was abandoned above it
   took that share along, and counts no more. How many errors still stand is
   known, but of their codes only the first, as no list of children is kept:
   if that may be the one that is forgiven, E_STATE takes its place. */
static void ocitar_i_node_uncount(ocitar_node *node, uint32_t failed,
                                  uint32_t open)
{
    const int own = node->error, below = node->child_error;
    ocitar_node *n;
    ocitar_root *root;

    for (n = node->parent; n != NULL && n->state != OCITAR_I_GONE;
         n = n->parent) {
        if (n->open < open || n->failed < failed)
            return; /* the parent was begun anew meanwhile */
        n->open -= open;
        n->failed -= failed;
        if (failed == 0 || (n->failed > 0 && n->child_error != own &&
                            n->child_error != below))
            continue;
        n->child_error = n->failed > 0 ? (int16_t)OCITAR_E_STATE : 0;
        root = (ocitar_root *)(void *)n;
        if (n->parent == NULL && n->error == 0 && !root->poisoned)
            ocitar_i_root_record(root, n->child_error, 0,
                                 n->failed > 0
                                     ? "others failed and were not abandoned"
                                     : NULL);
    }
}

/* Ended: its errors stay. Abandoned: they are forgiven, and those below. */
static void ocitar_i_node_leave(ocitar_node *node, int state)
{
    uint32_t failed = 0;

    if (state == OCITAR_I_GONE)
        failed = node->failed + (node->error != 0);
    ocitar_i_node_uncount(node, failed, node->open + node->counted);
    if (state == OCITAR_I_GONE) {
        node->error = 0;
        node->child_error = 0;
        node->failed = 0;
    }
    node->counted = 0;
    node->open = 0;
    node->state = (uint8_t)state;
}

/* OCITAR_E_BUSY is the one error that a second try forgives. */
static void ocitar_i_node_retry(ocitar_node *node)
{
    if (node->state != OCITAR_I_OPEN || node->error != OCITAR_E_BUSY)
        return;
    ocitar_i_node_uncount(node, 1, 0);
    node->error = 0;
}

#if OCITAR_I_IMAGES
/* The error of something below that was not abandoned, or a child that was
   not ended. */
static int ocitar_i_node_ready(ocitar_node *node)
{
    int e = ocitar_i_node_check(node);

    if (e != OCITAR_OK)
        return e;
    if (node->failed > 0)
        return node->child_error;
    return node->open > 0 ? (int)OCITAR_E_STATE : (int)OCITAR_OK;
}

#endif

/* The end of a thing that was given up: 0, or what forbids finishing. */
static int ocitar_i_node_forgiven(ocitar_node *node)
{
    ocitar_root *root = ocitar_i_node_root(node);

    if (root->poisoned)
        return root->error.code;
    return root->finished ? (int)OCITAR_E_STATE : (int)OCITAR_OK;
}

OCITAR_API void ocitar_root_begin(ocitar_root *root)
{
    OCITAR_MEMSET(root, 0, sizeof *root);
    root->node.state = OCITAR_I_OPEN;
}

OCITAR_API int ocitar_root_fail(ocitar_root *root, int code, int user_code,
                                const char *subject)
{
    return ocitar_i_root_poison(root, code, user_code, subject);
}

/* What forbids finishing, or 0. */
static int ocitar_i_root_check(ocitar_root *root)
{
    if (root->node.state != OCITAR_I_OPEN)
        return OCITAR_E_STATE;
    if (root->poisoned)
        return root->error.code;
    if (root->node.error != 0)
        return root->node.error;
    if (root->node.failed != 0)
        return root->node.child_error;
    if (root->node.open != 0) {
        ocitar_i_root_record(root, OCITAR_E_STATE, 0,
                             "an index, image or layer was not ended");
        return OCITAR_E_STATE;
    }
    return OCITAR_OK;
}

OCITAR_API int ocitar_root_finish(ocitar_root *root)
{
    int e;

    if (root == NULL)
        return OCITAR_E_ARG;
    if (root->finished)
        return OCITAR_OK;
    e = ocitar_i_root_check(root);
    if (e == OCITAR_OK) {
        ocitar_i_root_record(root, 0, 0, NULL);
        root->finished = 1;
        root->node.state = OCITAR_I_DONE;
    }
    return e;
}

#endif /* OCITAR_I_WRITES */

/* ==== digest ============================================================
   SHA-2 as FIPS 180-4 has it, a foreign engine in its place, the grammar of
   digests, the set of keys, and errors in words, as they hold digests. Calls
   bytes, errors. */

static uint32_t ocitar_i_digest_ror32(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static uint32_t ocitar_i_digest_sum0(uint32_t x)
{
    return ocitar_i_digest_ror32(x, 2) ^ ocitar_i_digest_ror32(x, 13) ^
           ocitar_i_digest_ror32(x, 22);
}

static uint32_t ocitar_i_digest_sum1(uint32_t x)
{
    return ocitar_i_digest_ror32(x, 6) ^ ocitar_i_digest_ror32(x, 11) ^
           ocitar_i_digest_ror32(x, 25);
}

/* The message schedule, 6.2.2 step 1, in a ring of sixteen words. */
static uint32_t ocitar_i_digest_word256(uint32_t *w, unsigned i)
{
    uint32_t x = w[(i + 1) & 15], y = w[(i + 14) & 15];

    return w[i & 15] += (ocitar_i_digest_ror32(x, 7) ^
                         ocitar_i_digest_ror32(x, 18) ^ x >> 3) +
                        w[(i + 9) & 15] +
                        (ocitar_i_digest_ror32(y, 17) ^
                         ocitar_i_digest_ror32(y, 19) ^ y >> 10);
}

/* FIPS 180-4, 4.2.2. */
static const uint32_t ocitar_i_digest_k256[64] OCITAR_I_ROM = {
    0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu,
    0x59f111f1u, 0x923f82a4u, 0xab1c5ed5u, 0xd807aa98u, 0x12835b01u,
    0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu, 0x9bdc06a7u,
    0xc19bf174u, 0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu,
    0x2de92c6fu, 0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau, 0x983e5152u,
    0xa831c66du, 0xb00327c8u, 0xbf597fc7u, 0xc6e00bf3u, 0xd5a79147u,
    0x06ca6351u, 0x14292967u, 0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu,
    0x53380d13u, 0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u,
    0xa2bfe8a1u, 0xa81a664bu, 0xc24b8b70u, 0xc76c51a3u, 0xd192e819u,
    0xd6990624u, 0xf40e3585u, 0x106aa070u, 0x19a4c116u, 0x1e376c08u,
    0x2748774cu, 0x34b0bcb5u, 0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu,
    0x682e6ff3u, 0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u,
    0x90befffau, 0xa4506cebu, 0xbef9a3f7u, 0xc67178f2u
};

#if defined OCITAR_SMALL || defined __AVR__
static void ocitar_i_digest_blocks256(uint32_t *h, const uint8_t *data,
                                      size_t count)
{
    uint32_t w[16], v[8], k, t;
    unsigned i;

    for (; count > 0; count--, data += 64) {
        for (i = 0; i < 16; i++)
            w[i] = ocitar_i_bytes_load32(data + 4 * i);
        OCITAR_MEMCPY(v, h, sizeof v);
        for (i = 0; i < 64; i++) {
            OCITAR_I_ROM_COPY(&k, ocitar_i_digest_k256 + i, sizeof k);
            t = v[7] + k +
                (i < 16 ? w[i] : ocitar_i_digest_word256(w, i)) +
                (v[6] ^ (v[4] & (v[5] ^ v[6]))) + ocitar_i_digest_sum1(v[4]);
            v[7] = t + ((v[0] & v[1]) | (v[2] & (v[0] | v[1]))) +
                   ocitar_i_digest_sum0(v[0]);
            v[3] += t;
            t = v[7];
            OCITAR_MEMMOVE(v + 1, v, 7 * sizeof v[0]);
            v[0] = t;
        }
        for (i = 0; i < 8; i++)
            h[i] += v[i];
    }
}
#else
/* One round, 6.2.2 step 3. The caller turns the names of the working
   variables instead of moving their values. */
#define OCITAR_I_ROUND256(a, b, c, d, e, f, g, h, kw)                         \
    do {                                                                      \
        uint32_t t1 = (h) + (kw) + ((g) ^ ((e) & ((f) ^ (g)))) +              \
                      ocitar_i_digest_sum1(e);                                \
        (d) += t1;                                                            \
        (h) = t1 + (((a) & (b)) | ((c) & ((a) | (b)))) +                      \
              ocitar_i_digest_sum0(a);                                        \
    } while (0)

/* Eight rounds from the i-th of sixteen; `word` gives the words. */
#define OCITAR_I_ROUNDS256(word, i)                                           \
    do {                                                                      \
        OCITAR_I_ROUND256(a, b, c, d, e, f, g, h, k[(i) + 0] + word((i) + 0)); \
        OCITAR_I_ROUND256(h, a, b, c, d, e, f, g, k[(i) + 1] + word((i) + 1)); \
        OCITAR_I_ROUND256(g, h, a, b, c, d, e, f, k[(i) + 2] + word((i) + 2)); \
        OCITAR_I_ROUND256(f, g, h, a, b, c, d, e, k[(i) + 3] + word((i) + 3)); \
        OCITAR_I_ROUND256(e, f, g, h, a, b, c, d, k[(i) + 4] + word((i) + 4)); \
        OCITAR_I_ROUND256(d, e, f, g, h, a, b, c, k[(i) + 5] + word((i) + 5)); \
        OCITAR_I_ROUND256(c, d, e, f, g, h, a, b, k[(i) + 6] + word((i) + 6)); \
        OCITAR_I_ROUND256(b, c, d, e, f, g, h, a, k[(i) + 7] + word((i) + 7)); \
    } while (0)

#define OCITAR_I_LOAD256(i)                                                   \
    (w[i] = ocitar_i_bytes_load32(data + (i) * sizeof *w))
#define OCITAR_I_WORD256(i) ocitar_i_digest_word256(w, i)

static void ocitar_i_digest_blocks256(uint32_t *state, const uint8_t *data,
                                      size_t count)
{
    const uint32_t *k;
    uint32_t w[16];

    for (; count > 0; count--, data += 64) {
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];

        k = ocitar_i_digest_k256;
        OCITAR_I_ROUNDS256(OCITAR_I_LOAD256, 0);
        OCITAR_I_ROUNDS256(OCITAR_I_LOAD256, 8);
        for (k += 16; k < ocitar_i_digest_k256 + 64; k += 16) {
            OCITAR_I_ROUNDS256(OCITAR_I_WORD256, 0);
            OCITAR_I_ROUNDS256(OCITAR_I_WORD256, 8);
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d;
        state[4] += e, state[5] += f, state[6] += g, state[7] += h;
    }
}

#undef OCITAR_I_ROUND256
#undef OCITAR_I_ROUNDS256
#undef OCITAR_I_LOAD256
#undef OCITAR_I_WORD256
#endif

/* Which code computes SHA-256, chosen once for an object and kept in it: the
   number of messages that the processor's own instructions take at a time. */
enum {
    OCITAR_I_KERNEL_PORTABLE = 0,
#if defined OCITAR_I_UNIT || defined OCITAR_I_TEST_LANES
    OCITAR_I_KERNEL_LANES = 3, /* as many as there are kernels for */
#else
    OCITAR_I_KERNEL_LANES = 1,
#endif
    OCITAR_I_KERNEL_LATER = 255, /* to be asked for where it is worth it */
#if defined OCITAR_I_GLIBC_KNOWS || defined OCITAR_FORCE_INTRINSICS
    OCITAR_I_KERNEL_ASK = 1 /* from so many bytes on */
#else
    OCITAR_I_KERNEL_ASK = 4096
#endif
};

/* The instructions work on one message step by step, each waiting for the
   last; what other messages need fits between. So each piece below is written
   for a lane, whose variables have its number, and a kernel of n messages is n
   lanes side by side. A step is four rounds; meanwhile the words that are done
   with become those of sixteen rounds later (FIPS 180-4, 6.2.2 step 1). */
#if !defined OCITAR_I_UNIT
/* no lanes */
#elif defined __AARCH64EL__

/* The state as the standard has it: abcd, efgh. */
#define OCITAR_I_LANE_BEGIN(n, w0, w1, w2, w3, at)                            \
    uint32x4_t x##n = vld1q_u32(h[n]), y##n = vld1q_u32(h[n] + 4), k##n,      \
               x_was##n, y_was##n, a##n, b##n, c##n, d##n;                    \
    const uint8_t *p##n = data[n];

#define OCITAR_I_LANE_LOAD(n, w0, w1, w2, w3, at)                             \
    x_was##n = x##n;                                                          \
    y_was##n = y##n;                                                          \
    a##n = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p##n)));                  \
    b##n = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p##n + 16)));             \
    c##n = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p##n + 32)));             \
    d##n = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p##n + 48)));             \
    p##n += 64;

#define OCITAR_I_LANE_FIRST(n, w0, w1, w2, w3, at)                            \
    k##n = vaddq_u32(w0##n, vld1q_u32(ocitar_i_digest_k256 + (at)));

#define OCITAR_I_LANE_SECOND(n, w0, w1, w2, w3, at)                           \
    {                                                                         \
        const uint32x4_t was = x##n;                                          \
        x##n = vsha256hq_u32(x##n, y##n, k##n);                               \
        y##n = vsha256h2q_u32(y##n, was, k##n);                               \
    }

#define OCITAR_I_LANE_WORDS(n, w0, w1, w2, w3, at)                            \
    w0##n = vsha256su1q_u32(vsha256su0q_u32(w0##n, w1##n), w2##n, w3##n);

#define OCITAR_I_LANE_ADD(n, w0, w1, w2, w3, at)                              \
    x##n = vaddq_u32(x##n, x_was##n);                                         \
    y##n = vaddq_u32(y##n, y_was##n);

#define OCITAR_I_LANE_END(n, w0, w1, w2, w3, at)                              \
    vst1q_u32(h[n], x##n);                                                    \
    vst1q_u32(h[n] + 4, y##n);

/* Linux tells; elsewhere the compiler's flags must say so. */
static uint8_t ocitar_i_digest_kernel(void)
{
#if defined OCITAR_FORCE_INTRINSICS || defined __ARM_FEATURE_SHA2 ||          \
    defined __ARM_FEATURE_CRYPTO
    return 2;
#elif defined __linux__ && !defined OCITAR_NO_HOSTED
    return getauxval(AT_HWCAP) & HWCAP_SHA2 ? 2 : OCITAR_I_KERNEL_PORTABLE;
#else
    return OCITAR_I_KERNEL_PORTABLE;
#endif
}

#else /* x86 */

/* The instruction wants the state as feba and hgdc, from the lowest place up.
   It does two rounds, after which the halves change their meaning. */
#define OCITAR_I_LOADU(p) _mm_loadu_si128((const __m128i *)(const void *)(p))

#define OCITAR_I_LANE_BEGIN(n, w0, w1, w2, w3, at)                            \
    __m128i a##n = _mm_shuffle_epi32(OCITAR_I_LOADU(h[n]), 0xb1);             \
    __m128i b##n = _mm_shuffle_epi32(OCITAR_I_LOADU(h[n] + 4), 0x1b);         \
    __m128i x##n = _mm_alignr_epi8(a##n, b##n, 8);                            \
    __m128i y##n = _mm_blend_epi16(b##n, a##n, 0xf0);                         \
    __m128i c##n, d##n, k##n, x_was##n, y_was##n;                             \
    const uint8_t *p##n = data[n];

#define OCITAR_I_SWAPPED(p)                                                   \
    _mm_shuffle_epi8(OCITAR_I_LOADU(p),                                       \
                     _mm_set_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607,        \
                                   0x00010203))

#define OCITAR_I_LANE_LOAD(n, w0, w1, w2, w3, at)                             \
    x_was##n = x##n;                                                          \
    y_was##n = y##n;                                                          \
    a##n = OCITAR_I_SWAPPED(p##n);                                            \
    b##n = OCITAR_I_SWAPPED(p##n + 16);                                       \
    c##n = OCITAR_I_SWAPPED(p##n + 32);                                       \
    d##n = OCITAR_I_SWAPPED(p##n + 48);                                       \
    p##n += 64;

#define OCITAR_I_LANE_FIRST(n, w0, w1, w2, w3, at)                            \
    k##n = _mm_add_epi32(w0##n, OCITAR_I_LOADU(ocitar_i_digest_k256 + (at))); \
    y##n = _mm_sha256rnds2_epu32(y##n, x##n, k##n);

#define OCITAR_I_LANE_SECOND(n, w0, w1, w2, w3, at)                           \
    x##n = _mm_sha256rnds2_epu32(x##n, y##n, _mm_shuffle_epi32(k##n, 14));

#define OCITAR_I_LANE_WORDS(n, w0, w1, w2, w3, at)                            \
    w0##n = _mm_sha256msg2_epu32(                                             \
        _mm_add_epi32(_mm_sha256msg1_epu32(w0##n, w1##n),                     \
                      _mm_alignr_epi8(w3##n, w2##n, 4)),                      \
        w3##n);

#define OCITAR_I_LANE_ADD(n, w0, w1, w2, w3, at)                              \
    x##n = _mm_add_epi32(x##n, x_was##n);                                     \
    y##n = _mm_add_epi32(y##n, y_was##n);

#define OCITAR_I_LANE_END(n, w0, w1, w2, w3, at)                              \
    a##n = _mm_shuffle_epi32(x##n, 0x1b); /* abef */                          \
    b##n = _mm_shuffle_epi32(y##n, 0xb1); /* ghcd */                          \
    _mm_storeu_si128((__m128i *)(void *)h[n],                                 \
                     _mm_blend_epi16(a##n, b##n, 0xf0));                      \
    _mm_storeu_si128((__m128i *)(void *)(h[n] + 4),                           \
                     _mm_alignr_epi8(b##n, a##n, 8));

/* SHA, SSSE3 and SSE4.1 in the leaves 7 and 1. In a virtual machine the
   question costs as much as hashing some KiB in portable C: ask once, or ask
   who knows. Three lanes gain most on AMD's, which have SSE4A; elsewhere two
   are known to lose nothing. */
static uint8_t ocitar_i_digest_kernel(void)
{
#if defined OCITAR_FORCE_INTRINSICS
    return OCITAR_I_KERNEL_LANES;
#elif defined OCITAR_I_GLIBC_KNOWS
    if (!CPU_FEATURE_PRESENT(SHA) || !CPU_FEATURE_PRESENT(SSSE3) ||
        !CPU_FEATURE_PRESENT(SSE4_1))
        return OCITAR_I_KERNEL_PORTABLE;
    return CPU_FEATURE_PRESENT(SSE4A) ? 3 : 2;
#else
    unsigned r[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };

#ifdef _MSC_VER
    __cpuid((int *)r, 0);
    if (r[0] < 7)
        return OCITAR_I_KERNEL_PORTABLE;
    __cpuid((int *)(r + 4), 1);
    __cpuidex((int *)(r + 8), 7, 0);
#else
    __cpuid(0, r[0], r[1], r[2], r[3]);
    if (r[0] < 7)
        return OCITAR_I_KERNEL_PORTABLE;
    __cpuid(1, r[4], r[5], r[6], r[7]);
    __cpuid_count(7, 0, r[8], r[9], r[10], r[11]);
#endif
    if (!(r[6] >> 9 & r[6] >> 19 & r[9] >> 29 & 1))
        return OCITAR_I_KERNEL_PORTABLE;
    return r[1] == 0x68747541 /* "Auth" of "AuthenticAMD" */ ? 3 : 2;
#endif
}
#endif

#ifdef OCITAR_I_UNIT
#define OCITAR_I_EACH1(m, w0, w1, w2, w3, at) m(0, w0, w1, w2, w3, at)
#define OCITAR_I_EACH2(m, w0, w1, w2, w3, at)                                 \
    OCITAR_I_EACH1(m, w0, w1, w2, w3, at) m(1, w0, w1, w2, w3, at)
#define OCITAR_I_EACH3(m, w0, w1, w2, w3, at)                                 \
    OCITAR_I_EACH2(m, w0, w1, w2, w3, at) m(2, w0, w1, w2, w3, at)

#define OCITAR_I_ROUNDS4(each, w0, w1, w2, w3, at)                            \
    each(OCITAR_I_LANE_FIRST, w0, w1, w2, w3, at)                             \
    each(OCITAR_I_LANE_SECOND, w0, w1, w2, w3, at)
#define OCITAR_I_STEP(each, w0, w1, w2, w3, at)                               \
    OCITAR_I_ROUNDS4(each, w0, w1, w2, w3, at)                                \
    each(OCITAR_I_LANE_WORDS, w0, w1, w2, w3, at)
#define OCITAR_I_STEPS(each, at)                                              \
    OCITAR_I_STEP(each, a, b, c, d, (at))                                     \
    OCITAR_I_STEP(each, b, c, d, a, (at) + 4)                                 \
    OCITAR_I_STEP(each, c, d, a, b, (at) + 8)                                 \
    OCITAR_I_STEP(each, d, a, b, c, (at) + 12)

/* `count` blocks of each lane: states in `h`, bytes in `data`. */
#define OCITAR_I_LANES(each)                                                  \
    each(OCITAR_I_LANE_BEGIN, , , , , )                                       \
    for (; count > 0; count--) {                                              \
        each(OCITAR_I_LANE_LOAD, , , , , )                                    \
        OCITAR_I_STEPS(each, 0)                                               \
        OCITAR_I_STEPS(each, 16)                                              \
        OCITAR_I_STEPS(each, 32)                                              \
        OCITAR_I_ROUNDS4(each, a, b, c, d, 48)                                \
        OCITAR_I_ROUNDS4(each, b, c, d, a, 52)                                \
        OCITAR_I_ROUNDS4(each, c, d, a, b, 56)                                \
        OCITAR_I_ROUNDS4(each, d, a, b, c, 60)                                \
        each(OCITAR_I_LANE_ADD, , , , , )                                     \
    }                                                                         \
    each(OCITAR_I_LANE_END, , , , , )

OCITAR_I_UNIT
static void ocitar_i_digest_lanes1(uint32_t *const *h,
                                   const uint8_t *const *data, size_t count)
{
    OCITAR_I_LANES(OCITAR_I_EACH1)
}

OCITAR_I_UNIT
static void ocitar_i_digest_lanes2(uint32_t *const *h,
                                   const uint8_t *const *data, size_t count)
{
    OCITAR_I_LANES(OCITAR_I_EACH2)
}

OCITAR_I_UNIT
static void ocitar_i_digest_lanes3(uint32_t *const *h,
                                   const uint8_t *const *data, size_t count)
{
    OCITAR_I_LANES(OCITAR_I_EACH3)
}

#undef OCITAR_I_LOADU
#undef OCITAR_I_SWAPPED
#undef OCITAR_I_LANE_BEGIN
#undef OCITAR_I_LANE_LOAD
#undef OCITAR_I_LANE_FIRST
#undef OCITAR_I_LANE_SECOND
#undef OCITAR_I_LANE_WORDS
#undef OCITAR_I_LANE_ADD
#undef OCITAR_I_LANE_END
#undef OCITAR_I_EACH1
#undef OCITAR_I_EACH2
#undef OCITAR_I_EACH3
#undef OCITAR_I_ROUNDS4
#undef OCITAR_I_STEP
#undef OCITAR_I_STEPS
#undef OCITAR_I_LANES
#else
static uint8_t ocitar_i_digest_kernel(void)
{
    return OCITAR_I_KERNEL_PORTABLE;
}
#endif

/* `count` blocks of each of `lanes` messages, by what the kernel can do at
   once. */
static void ocitar_i_digest_blocks(uint8_t kernel, uint32_t *const *h,
                                   const uint8_t *const *data, size_t lanes,
                                   size_t count)
{
#ifdef OCITAR_I_TEST_LANES
    if (lanes == 1) { /* a test's: the message in each lane, the last counts */
        uint32_t others[2][8], *all[3];
        const uint8_t *same[3];

        OCITAR_MEMCPY(others[0], h[0], sizeof others[0]);
        OCITAR_MEMCPY(others[1], h[0], sizeof others[1]);
        all[0] = others[0], all[1] = others[1], all[2] = h[0];
        same[0] = same[1] = same[2] = data[0];
        ocitar_i_digest_blocks(kernel, all, same, 3, count);
        return;
    }
#endif
#ifdef OCITAR_I_UNIT
    if (kernel != OCITAR_I_KERNEL_PORTABLE && count > 0) {
        for (; lanes >= 3 && kernel >= 3; lanes -= 3, h += 3, data += 3)
            ocitar_i_digest_lanes3(h, data, count);
        for (; lanes >= 2; lanes -= 2, h += 2, data += 2)
            ocitar_i_digest_lanes2(h, data, count);
        if (lanes > 0)
            ocitar_i_digest_lanes1(h, data, count);
        return;
    }
#endif
    (void)kernel;
    for (; lanes > 0; lanes--)
        ocitar_i_digest_blocks256(*h++, *data++, count);
}

#ifndef OCITAR_NO_SHA512
static uint64_t ocitar_i_digest_ror64(uint64_t x, unsigned n)
{
    return x >> n | x << (64 - n);
}

/* FIPS 180-4, 6.4.2. Rolled: this one is rare. */
static void ocitar_i_digest_blocks512(uint64_t *h, const uint8_t *data,
                                      size_t count)
{
    static const uint64_t k[80] OCITAR_I_ROM = {
    0x428a2f98d728ae22u, 0x7137449123ef65cdu, 0xb5c0fbcfec4d3b2fu,
    0xe9b5dba58189dbbcu, 0x3956c25bf348b538u, 0x59f111f1b605d019u,
    0x923f82a4af194f9bu, 0xab1c5ed5da6d8118u, 0xd807aa98a3030242u,
    0x12835b0145706fbeu, 0x243185be4ee4b28cu, 0x550c7dc3d5ffb4e2u,
    0x72be5d74f27b896fu, 0x80deb1fe3b1696b1u, 0x9bdc06a725c71235u,
    0xc19bf174cf692694u, 0xe49b69c19ef14ad2u, 0xefbe4786384f25e3u,
    0x0fc19dc68b8cd5b5u, 0x240ca1cc77ac9c65u, 0x2de92c6f592b0275u,
    0x4a7484aa6ea6e483u, 0x5cb0a9dcbd41fbd4u, 0x76f988da831153b5u,
    0x983e5152ee66dfabu, 0xa831c66d2db43210u, 0xb00327c898fb213fu,
    0xbf597fc7beef0ee4u, 0xc6e00bf33da88fc2u, 0xd5a79147930aa725u,
    0x06ca6351e003826fu, 0x142929670a0e6e70u, 0x27b70a8546d22ffcu,
    0x2e1b21385c26c926u, 0x4d2c6dfc5ac42aedu, 0x53380d139d95b3dfu,
    0x650a73548baf63deu, 0x766a0abb3c77b2a8u, 0x81c2c92e47edaee6u,
    0x92722c851482353bu, 0xa2bfe8a14cf10364u, 0xa81a664bbc423001u,
    0xc24b8b70d0f89791u, 0xc76c51a30654be30u, 0xd192e819d6ef5218u,
    0xd69906245565a910u, 0xf40e35855771202au, 0x106aa07032bbd1b8u,
    0x19a4c116b8d2d0c8u, 0x1e376c085141ab53u, 0x2748774cdf8eeb99u,
    0x34b0bcb5e19b48a8u, 0x391c0cb3c5c95a63u, 0x4ed8aa4ae3418acbu,
    0x5b9cca4f7763e373u, 0x682e6ff3d6b2b8a3u, 0x748f82ee5defb2fcu,
    0x78a5636f43172f60u, 0x84c87814a1f0ab72u, 0x8cc702081a6439ecu,
    0x90befffa23631e28u, 0xa4506cebde82bde9u, 0xbef9a3f7b2c67915u,
    0xc67178f2e372532bu, 0xca273eceea26619cu, 0xd186b8c721c0c207u,
    0xeada7dd6cde0eb1eu, 0xf57d4f7fee6ed178u, 0x06f067aa72176fbau,
    0x0a637dc5a2c898a6u, 0x113f9804bef90daeu, 0x1b710b35131c471bu,
    0x28db77f523047d84u, 0x32caab7b40c72493u, 0x3c9ebe0a15c9bebcu,
    0x431d67c49c100d4cu, 0x4cc5d4becb3e42b6u, 0x597f299cfc657e2au,
    0x5fcb6fab3ad6faecu, 0x6c44198c4a475817u
    };
    uint64_t w[16], v[8];
    size_t i;

    for (; count > 0; count--, data += 128) {
        for (i = 0; i < 16; i++)
            w[i] = (uint64_t)ocitar_i_bytes_load32(data + 8 * i) << 32 |
                   ocitar_i_bytes_load32(data + 8 * i + 4);
        for (i = 0; i < 8; i++)
            v[i] = h[i];
        for (i = 0; i < 80; i++) {
            uint64_t t, x = w[(i + 1) & 15], y = w[(i + 14) & 15];

            OCITAR_I_ROM_COPY(&t, k + i, sizeof t);
            t += v[7] + w[i & 15] + (v[6] ^ (v[4] & (v[5] ^ v[6]))) +
                 (ocitar_i_digest_ror64(v[4], 14) ^
                  ocitar_i_digest_ror64(v[4], 18) ^
                  ocitar_i_digest_ror64(v[4], 41));
            w[i & 15] += (ocitar_i_digest_ror64(x, 1) ^
                          ocitar_i_digest_ror64(x, 8) ^ x >> 7) +
                         w[(i + 9) & 15] +
                         (ocitar_i_digest_ror64(y, 19) ^
                          ocitar_i_digest_ror64(y, 61) ^ y >> 6);
            x = t + ((v[0] & v[1]) | (v[2] & (v[0] | v[1]))) +
                (ocitar_i_digest_ror64(v[0], 28) ^
                 ocitar_i_digest_ror64(v[0], 34) ^
                 ocitar_i_digest_ror64(v[0], 39));
            OCITAR_MEMMOVE(v + 1, v, 7 * sizeof v[0]);
            v[4] += t;
            v[0] = x;
        }
        for (i = 0; i < 8; i++)
            h[i] += v[i];
    }
}
#endif

OCITAR_API size_t ocitar_digest_length(uint8_t algorithm)
{
    switch (algorithm) {
    case OCITAR_SHA256:
        return 32;
#ifndef OCITAR_NO_SHA512
    case OCITAR_SHA384:
        return 48;
    case OCITAR_SHA512:
        return 64;
#endif
    default:
        return 0;
    }
}

OCITAR_API const char *ocitar_algorithm_name(uint8_t algorithm)
{
    switch (algorithm) {
    case OCITAR_SHA256:
        return "sha256";
    case OCITAR_SHA384:
        return "sha384";
    case OCITAR_SHA512:
        return "sha512";
    default:
        return NULL;
    }
}

OCITAR_API uint8_t ocitar_algorithm_parse(const char *name, size_t len)
{
    int a;

    len = ocitar_i_bytes_length(name, len);
    for (a = OCITAR_SHA256; a <= OCITAR_SHA512; a <<= 1)
        if (ocitar_i_bytes_equal(name, len, ocitar_algorithm_name((uint8_t)a),
                                 6))
            return (uint8_t)a;
    return 0;
}

/* algorithm-component, OCI descriptor: [a-z0-9]+ joined by one of "+._-". */
static int ocitar_i_digest_algorithm_ok(const char *s, size_t len)
{
    size_t i;
    int word = 0;

    for (i = 0; i < len; i++) {
        if ((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9'))
            word = 1;
        else if (word && ocitar_i_bytes_has("+._-", 4, s[i]))
            word = 0;
        else
            return 0;
    }
    return word;
}

static int ocitar_i_digest_encoded_ok(const char *s, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++)
        if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
              (s[i] >= '0' && s[i] <= '9') ||
              ocitar_i_bytes_has("=_-", 3, s[i])))
            return 0;
    return len > 0;
}

/* The value of a lower-case hex digit, or 16. */
static unsigned ocitar_i_digest_nibble(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

OCITAR_API int ocitar_digest_parse(ocitar_digest *out, const char *text,
                                   size_t len)
{
    size_t colon = 0, i, n;
    unsigned hi, lo;

    if (out == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(out, 0, sizeof *out);
    len = ocitar_i_bytes_length(text, len);
    while (colon < len && text[colon] != ':')
        colon++;
    if (colon == len || !ocitar_i_digest_algorithm_ok(text, colon) ||
        !ocitar_i_digest_encoded_ok(text + colon + 1, len - colon - 1))
        return OCITAR_E_ARG;
    n = ocitar_digest_length(ocitar_algorithm_parse(text, colon));
    if (n == 0)
        return OCITAR_E_UNSUPPORTED;
    text += colon + 1;
    if (len - colon - 1 != 2 * n)
        return OCITAR_E_ARG;
    for (i = 0; i < n; i++) {
        hi = ocitar_i_digest_nibble(text[2 * i]);
        lo = ocitar_i_digest_nibble(text[2 * i + 1]);
        if (hi > 15 || lo > 15) {
            OCITAR_MEMSET(out, 0, sizeof *out);
            return OCITAR_E_ARG;
        }
        out->bytes[i] = (uint8_t)(hi << 4 | lo);
    }
    out->algorithm = ocitar_algorithm_parse(text - colon - 1, colon);
    return OCITAR_OK;
}

/* Eight digits. */
static void ocitar_i_digest_hex8(uint8_t *out, uint32_t value)
{
#ifdef OCITAR_SMALL
    unsigned i;

    for (i = 8; i-- > 0; value >>= 4)
        out[i] = (uint8_t)((value & 15) + ((value & 15) < 10 ? '0' : 'a' - 10));
#else
    uint64_t v = value; /* each digit into a byte, and then all at once */

    v = (v & 0xffff0000u) << 16 | (v & 0xffffu);
    v = (v & 0x0000ff000000ff00u) << 8 | (v & 0x000000ff000000ffu);
    v = (v & 0x00f000f000f000f0u) << 4 | (v & 0x000f000f000f000fu);
    v += 0x3030303030303030u +
         ((v + 0x0606060606060606u) >> 4 & 0x0101010101010101u) * 39;
    ocitar_i_bytes_store64(out, v);
#endif
}

OCITAR_API size_t ocitar_digest_format(const ocitar_digest *digest,
                                       char out[OCITAR_DIGEST_TEXT_MAX])
{
    size_t n = ocitar_digest_length(digest->algorithm), i;

    out[0] = 0;
    if (n == 0)
        return 0;
    OCITAR_MEMCPY(out, ocitar_algorithm_name(digest->algorithm), 6);
    out[6] = ':';
    for (i = 0; i < n; i += 4)
        ocitar_i_digest_hex8((uint8_t *)out + 7 + 2 * i,
                             ocitar_i_bytes_load32(digest->bytes + i));
    out[7 + 2 * n] = 0;
    return 7 + 2 * n;
}

OCITAR_API int ocitar_digest_equal(const ocitar_digest *a,
                                   const ocitar_digest *b)
{
    return a->algorithm == b->algorithm &&
           OCITAR_MEMCMP(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static void ocitar_i_digester_load(ocitar_digester *d)
{
    static const uint32_t h256[8] OCITAR_I_ROM = {
    0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
    0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u
    };
#ifndef OCITAR_NO_SHA512
    static const uint64_t h384[8] OCITAR_I_ROM = {
    0xcbbb9d5dc1059ed8u, 0x629a292a367cd507u, 0x9159015a3070dd17u,
    0x152fecd8f70e5939u, 0x67332667ffc00b31u, 0x8eb44a8768581511u,
    0xdb0c2e0d64f98fa7u, 0x47b5481dbefa4fa4u
    };
    static const uint64_t h512[8] OCITAR_I_ROM = {
    0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu,
    0xa54ff53a5f1d36f1u, 0x510e527fade682d1u, 0x9b05688c2b3e6c1fu,
    0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u
    };

    if (d->algorithm != OCITAR_SHA256) {
        OCITAR_I_ROM_COPY(d->state.s512.h,
                          d->algorithm == OCITAR_SHA384 ? h384 : h512,
                          sizeof h512);
        return;
    }
#endif
    OCITAR_I_ROM_COPY(d->state.s256.h, h256, sizeof h256);
}

/* With a kernel that is known already. */
static int ocitar_i_digester_begin(ocitar_digester *digester,
                                   uint8_t algorithm,
                                   const ocitar_engine *engine, uint8_t kernel)
{
    digester->live = 0;
    digester->error = 0;
    digester->length = 0;
    if (ocitar_digest_length(algorithm) == 0)
        return OCITAR_E_UNSUPPORTED;
    if (engine != NULL && !(engine->algorithms & algorithm))
        engine = NULL;
    digester->engine = engine;
    digester->algorithm = algorithm;
    digester->kernel = kernel;
    if (engine == NULL)
        ocitar_i_digester_load(digester);
    else if ((digester->error = engine->begin_fn(
                  engine->user, &digester->state, algorithm)) != 0)
        return OCITAR_E_HASH;
    digester->live = 1;
    return OCITAR_OK;
}

OCITAR_API int ocitar_digester_begin(ocitar_digester *digester,
                                     uint8_t algorithm,
                                     const ocitar_engine *engine)
{
    if (digester == NULL)
        return OCITAR_E_ARG;
    return ocitar_i_digester_begin(digester, algorithm, engine,
                                   OCITAR_I_KERNEL_LATER);
}

/* A digester that was begun on its own asks the processor when so much came
   that it is worth it. */
static uint8_t ocitar_i_digester_kernel(ocitar_digester *d)
{
    if (d->kernel == OCITAR_I_KERNEL_LATER &&
        d->length >= OCITAR_I_KERNEL_ASK)
        d->kernel = ocitar_i_digest_kernel();
    return d->kernel == OCITAR_I_KERNEL_LATER
               ? (uint8_t)OCITAR_I_KERNEL_PORTABLE
               : d->kernel;
}

static void ocitar_i_digester_blocks(ocitar_digester *d, const uint8_t *data,
                                     size_t count)
{
    uint32_t *h = d->state.s256.h;

#ifndef OCITAR_NO_SHA512
    if (d->algorithm != OCITAR_SHA256) {
        ocitar_i_digest_blocks512(d->state.s512.h, data, count);
        return;
    }
#endif
    ocitar_i_digest_blocks(ocitar_i_digester_kernel(d), &h, &data, 1, count);
}

/* Bytes of a block. */
static size_t ocitar_i_digester_size(const ocitar_digester *d)
{
#ifdef OCITAR_NO_SHA512
    (void)d;
    return 64;
#else
    return d->algorithm == OCITAR_SHA256 ? 64 : 128;
#endif
}

/* The bundled code's share of an update: whole blocks from where they are,
   the rest through the digester's own. */
static void ocitar_i_digester_absorb(ocitar_digester *d, const uint8_t *p,
                                     size_t len)
{
    size_t size = ocitar_i_digester_size(d), n;
    size_t held = (size_t)(d->length & (size - 1));
    uint8_t *block = size == 64 ? d->state.s256.block : d->state.s512.block;

    d->length += len;
    if (held > 0) {
        n = len < size - held ? len : size - held;
        OCITAR_MEMCPY(block + held, p, n);
        p += n;
        len -= n;
        if (held + n < size)
            return;
        ocitar_i_digester_blocks(d, block, 1);
    }
    n = len / size;
    ocitar_i_digester_blocks(d, p, n);
    if (len > n * size)
        OCITAR_MEMCPY(block, p + n * size, len - n * size);
}

/* Updates of several SHA-256 digesters, bundled and of one kernel: the blocks
   that all have go through it together. Moves pointers and lengths. */
static void ocitar_i_digesters_absorb(ocitar_digester *const *d,
                                      const uint8_t **data, size_t *len,
                                      size_t count)
{
    uint32_t *h[OCITAR_I_KERNEL_LANES] = { NULL };
    size_t i, blocks = SIZE_MAX;

    for (i = 0; i < count; i++) {
        h[i] = d[i]->state.s256.h;
        if ((d[i]->length & 63) != 0)
            blocks = 0;
        else if (len[i] / 64 < blocks)
            blocks = len[i] / 64;
    }
    ocitar_i_digest_blocks(d[0]->kernel, h, data, count, blocks);
    for (i = 0; i < count; i++) {
        d[i]->length += 64 * blocks;
        ocitar_i_digester_absorb(d[i], data[i] + 64 * blocks,
                                 len[i] - 64 * blocks);
    }
}

OCITAR_API int ocitar_digester_update(ocitar_digester *digester,
                                      const void *data, size_t len)
{
    const ocitar_engine *engine;

    if (digester == NULL || (data == NULL && len > 0))
        return OCITAR_E_ARG;
    if (!digester->live)
        return OCITAR_E_STATE;
    if (digester->error != 0)
        return OCITAR_E_HASH;
    if (len == 0)
        return OCITAR_OK;
    engine = digester->engine;
    if (engine == NULL) {
        ocitar_i_digester_absorb(digester, (const uint8_t *)data, len);
        return OCITAR_OK;
    }
    digester->length += len;
    digester->error =
        engine->update_fn(engine->user, &digester->state, data, len);
    return digester->error != 0 ? OCITAR_E_HASH : OCITAR_OK;
}

/* Padding and length, FIPS 180-4 5.1; then the state, big-endian. */
static void ocitar_i_digester_close(ocitar_digester *d, uint8_t *out)
{
    size_t size = ocitar_i_digester_size(d), n, i;
    size_t held = (size_t)(d->length & (size - 1));
    uint8_t *block = size == 64 ? d->state.s256.block : d->state.s512.block;

    block[held++] = 0x80;
    if (held > size - size / 8) { /* the length has an eighth of a block */
        ocitar_i_bytes_clear(block + held, size - held);
        ocitar_i_digester_blocks(d, block, 1);
        held = 0;
    }
    ocitar_i_bytes_clear(block + held, size - held);
    ocitar_i_bytes_store64(block + size - 8, d->length << 3);
    if (size == 128)
        block[size - 9] = (uint8_t)(d->length >> 61);
    ocitar_i_digester_blocks(d, block, 1);
    n = ocitar_digest_length(d->algorithm);
    if (size == 64)
        for (i = 0; i < n / 4; i++)
            ocitar_i_bytes_store32(out + 4 * i, d->state.s256.h[i]);
    else
        for (i = 0; i < n / 8; i++)
            ocitar_i_bytes_store64(out + 8 * i, d->state.s512.h[i]);
}

OCITAR_API int ocitar_digester_end(ocitar_digester *digester,
                                   ocitar_digest *out)
{
    const ocitar_engine *engine;

    if (digester == NULL || out == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(out, 0, sizeof *out);
    if (!digester->live)
        return OCITAR_E_STATE;
    digester->live = 0;
    engine = digester->engine;
    if (engine == NULL) {
        ocitar_i_digester_close(digester, out->bytes);
    } else if (digester->error != 0) {
        engine->end_fn(engine->user, &digester->state, NULL);
        return OCITAR_E_HASH;
    } else if ((digester->error = engine->end_fn(
                    engine->user, &digester->state, out->bytes)) != 0) {
        OCITAR_MEMSET(out, 0, sizeof *out);
        return OCITAR_E_HASH;
    }
    out->algorithm = digester->algorithm;
    return OCITAR_OK;
}

/* Lets a foreign engine free what it holds. */
static void ocitar_i_digester_drop(ocitar_digester *d)
{
    if (d->live && d->engine != NULL)
        d->engine->end_fn(d->engine->user, &d->state, NULL);
    d->live = 0;
}

OCITAR_API int ocitar_digest_of(ocitar_digest *out, uint8_t algorithm,
                                const void *data, size_t len)
{
    ocitar_digester d;
    int e = ocitar_digester_begin(&d, algorithm, NULL);

    if (e == OCITAR_OK)
        e = ocitar_digester_update(&d, data, len);
    return e == OCITAR_OK ? ocitar_digester_end(&d, out) : e;
}

/* A message in a lane: its whole blocks where they are, then its end, padded
   (FIPS 180-4, 5.1.1), in the lane. */
typedef struct ocitar_i_lane {
    uint32_t h[8];
    const uint8_t *data;
    size_t blocks;
    size_t tail_blocks; /* 0 when they are being run */
    size_t message;
    uint8_t tail[128];
} ocitar_i_lane;

static void ocitar_i_lane_begin(ocitar_i_lane *lane, size_t message,
                                const uint8_t *data, size_t len)
{
    size_t rest = len & 63;
    ocitar_digester d;

    d.algorithm = OCITAR_SHA256;
    ocitar_i_digester_load(&d);
    OCITAR_MEMCPY(lane->h, d.state.s256.h, sizeof lane->h);
    lane->message = message;
    lane->data = data;
    lane->blocks = len / 64;
    lane->tail_blocks = rest < 56 ? 1 : 2;
    if (rest > 0)
        OCITAR_MEMCPY(lane->tail, data + len - rest, rest);
    lane->tail[rest] = 0x80;
    ocitar_i_bytes_clear(lane->tail + rest + 1,
                         64 * lane->tail_blocks - rest - 9);
    ocitar_i_bytes_store64(lane->tail + 64 * lane->tail_blocks - 8,
                           (uint64_t)len << 3);
}

/* The next blocks of all lanes, as many as the shortest has. */
static void ocitar_i_lanes_run(uint8_t kernel, ocitar_i_lane *const *lanes,
                               size_t count)
{
    uint32_t *h[OCITAR_I_KERNEL_LANES];
    const uint8_t *data[OCITAR_I_KERNEL_LANES];
    size_t i, blocks = SIZE_MAX;

    for (i = 0; i < count; i++) {
        if (lanes[i]->blocks == 0) {
            lanes[i]->data = lanes[i]->tail;
            lanes[i]->blocks = lanes[i]->tail_blocks;
            lanes[i]->tail_blocks = 0;
        }
        h[i] = lanes[i]->h;
        data[i] = lanes[i]->data;
        if (lanes[i]->blocks < blocks)
            blocks = lanes[i]->blocks;
    }
    ocitar_i_digest_blocks(kernel, h, data, count, blocks);
    for (i = 0; i < count; i++) {
        lanes[i]->data += 64 * blocks;
        lanes[i]->blocks -= blocks;
    }
}

static void ocitar_i_lane_end(const ocitar_i_lane *lane, ocitar_digest *out)
{
    size_t i;

    OCITAR_MEMSET(out, 0, sizeof *out);
    out->algorithm = OCITAR_SHA256;
    for (i = 0; i < 8; i++)
        ocitar_i_bytes_store32(out->bytes + 4 * i, lane->h[i]);
}

/* SHA-256 of all messages. A lane that is done takes the next one. */
static void ocitar_i_digest_many(uint8_t kernel, ocitar_digest *out,
                                 const void *const *data, const size_t *len,
                                 size_t count)
{
    ocitar_i_lane room[OCITAR_I_KERNEL_LANES], *lanes[OCITAR_I_KERNEL_LANES];
    size_t used = 0, next = 0, i;

    for (i = 0; i < OCITAR_I_KERNEL_LANES; i++)
        lanes[i] = &room[i];
    for (;;) {
        for (; used < OCITAR_I_KERNEL_LANES && next < count; next++, used++)
            ocitar_i_lane_begin(lanes[used], next, (const uint8_t *)data[next],
                                len[next]);
        if (used == 0)
            return;
        ocitar_i_lanes_run(kernel, lanes, used);
        for (i = used; i-- > 0;) {
            ocitar_i_lane *lane = lanes[i];

            if (lane->blocks > 0 || lane->tail_blocks > 0)
                continue;
            ocitar_i_lane_end(lane, &out[lane->message]);
            lanes[i] = lanes[--used];
            lanes[used] = lane;
        }
    }
}

OCITAR_API int ocitar_digest_many(ocitar_digest *out, uint8_t algorithm,
                                  const void *const *data, const size_t *len,
                                  size_t count)
{
    uint8_t kernel = OCITAR_I_KERNEL_PORTABLE;
    uint64_t total = 0;
    size_t i;

    if ((out == NULL || data == NULL || len == NULL) && count > 0)
        return OCITAR_E_ARG;
    for (i = 0; i < count; i++) {
        if (data[i] == NULL && len[i] > 0)
            return OCITAR_E_ARG;
        total += len[i];
    }
    if (ocitar_digest_length(algorithm) == 0)
        return OCITAR_E_UNSUPPORTED;
    if (algorithm != OCITAR_SHA256) {
        for (i = 0; i < count; i++)
            ocitar_digest_of(&out[i], algorithm, data[i], len[i]);
        return OCITAR_OK;
    }
    if (total >= OCITAR_I_KERNEL_ASK)
        kernel = ocitar_i_digest_kernel();
    ocitar_i_digest_many(kernel, out, data, len, count);
    return OCITAR_OK;
}

/* The slot of a digest: its own, or the free one where it belongs, or NULL
   if every slot is taken by others. Linear probing from its first bytes. */
static ocitar_key *ocitar_i_keys_slot(ocitar_key *keys, size_t count,
                                      const ocitar_digest *digest)
{
    static const ocitar_key none OCITAR_I_ROM = { { 0 } };
    size_t at = ((size_t)ocitar_i_bytes_load32(digest->bytes)) % count, i;

    for (i = 0; i < count; i++) {
        ocitar_key *key = &keys[at];

        if (OCITAR_MEMCMP(key->bytes, digest->bytes, 32) == 0 ||
            OCITAR_I_ROM_COMPARE(key, &none, sizeof none) == 0)
            return key;
        at = at + 1 == count ? 0 : at + 1;
    }
    return NULL;
}

/* Writes with a bound, counting what did not fit. */
typedef struct ocitar_i_text {
    char *out;
    size_t capacity;
    size_t len;
} ocitar_i_text;

static void ocitar_i_text_add(ocitar_i_text *t, const char *s)
{
    for (; *s != 0; s++, t->len++)
        if (t->len + 1 < t->capacity)
            t->out[t->len] = *s;
}

static void ocitar_i_text_size(ocitar_i_text *t, uint64_t value)
{
    char digits[21];

    digits[ocitar_i_bytes_decimal(digits, value)] = 0;
    ocitar_i_text_add(t, digits);
}

OCITAR_API size_t ocitar_error_format(const ocitar_error *error, char *out,
                                      size_t capacity)
{
    ocitar_i_text t = { NULL, 0, 0 };
    char digest[OCITAR_DIGEST_TEXT_MAX];

    t.out = out;
    t.capacity = out == NULL ? 0 : capacity;
    ocitar_i_text_add(&t, ocitar_error_text(error->code));
#ifdef OCITAR_NO_ERROR_TEXT
    digest[0] = ' ';
    digest[1 + ocitar_i_bytes_signed(digest + 1, error->code)] = 0;
    ocitar_i_text_add(&t, digest);
#endif
    if (error->expected_size != error->actual_size) {
        ocitar_i_text_add(&t, ": ");
        ocitar_i_text_size(&t, error->expected_size);
        ocitar_i_text_add(&t, error->code == OCITAR_E_LIMIT ? " < " : " != ");
        ocitar_i_text_size(&t, error->actual_size);
    }
    if (error->expected.algorithm != 0) {
        ocitar_digest_format(&error->expected, digest);
        ocitar_i_text_add(&t, ": ");
        ocitar_i_text_add(&t, digest);
        ocitar_digest_format(&error->actual, digest);
        ocitar_i_text_add(&t, " != ");
        ocitar_i_text_add(&t, digest);
    }
    if (error->user_code != 0) {
        digest[ocitar_i_bytes_signed(digest, error->user_code)] = 0;
        ocitar_i_text_add(&t, ": code ");
        ocitar_i_text_add(&t, digest);
    }
    if (error->subject != NULL) {
        ocitar_i_text_add(&t, " (");
        ocitar_i_text_add(&t, error->subject);
        ocitar_i_text_add(&t, ")");
    }
    if (t.capacity > 0)
        out[t.len < capacity ? t.len : capacity - 1] = 0;
    return t.len;
}

/* ==== tar ===============================================================
   An entry's head as 512-byte blocks: POSIX ustar and pax interchange, with
   the choices that Go's archive/tar makes. Calls bytes. */

enum { /* records that are generated, in the order of their keys */
    OCITAR_I_ATIME, OCITAR_I_CTIME, OCITAR_I_GID, OCITAR_I_GNAME,
    OCITAR_I_LINKPATH, OCITAR_I_MTIME, OCITAR_I_PATH, OCITAR_I_SIZE,
    OCITAR_I_UID, OCITAR_I_UNAME, OCITAR_I_RECORDS
};

enum { /* what encoder_next writes next */
    OCITAR_I_TAR_DONE, OCITAR_I_TAR_PAX_HEAD, OCITAR_I_TAR_PAX_DATA,
    OCITAR_I_TAR_HEAD
};

#define OCITAR_I_OCTAL7 ((int64_t)07777777)
#define OCITAR_I_OCTAL11 ((int64_t)077777777777)

static const char *ocitar_i_tar_key(unsigned record)
{
    static const char *const keys[OCITAR_I_RECORDS] = {
        "atime", "ctime", "gid", "gname", "linkpath",
        "mtime", "path", "size", "uid", "uname"
    };

    return keys[record];
}

static int ocitar_i_tar_octal_ok(int64_t value, int64_t max)
{
    return value >= 0 && value <= max;
}

/* A NUL is no character of a string field, so it counts as none of ASCII.
   Eight at a time: a byte that borrows below 0x80 is a NUL. */
static int ocitar_i_tar_ascii(const char *s, size_t len)
{
    size_t i = 0;

#ifndef OCITAR_SMALL
    for (; len - i >= 8; i += 8) {
        uint64_t v;

        OCITAR_MEMCPY(&v, s + i, 8);
        if ((v | (v - 0x0101010101010101u)) & 0x8080808080808080u)
            return 0;
    }
#endif
    for (; i < len; i++)
        if (s[i] == 0 || ((unsigned char)s[i] & 0x80))
            return 0;
    return 1;
}

/* Where ustar splits a name of more than 100 bytes: the index of the slash
   between prefix and name, or 0 if it cannot. Only one slash is tried. */
static size_t ocitar_i_tar_split(const char *name, size_t len)
{
    size_t i;

    if (len <= 100 || !ocitar_i_tar_ascii(name, len))
        return 0;
    i = len > 156 ? 156 : len;
    if (i == len && name[len - 1] == '/')
        i--;
    while (i > 0 && name[i - 1] != '/')
        i--;
    if (i < 2 || len - i > 100 || len == i)
        return 0;
    return i - 1;
}

/* "sec" or "sec.frac" without trailing zeros; negative times as sign and
   magnitude. 31 bytes at most. */
static size_t ocitar_i_tar_time(char *out, const ocitar_time *t)
{
    int64_t seconds = t->seconds;
    uint32_t nano = t->nanoseconds;
    size_t n = 0, i;

    if (nano == 0)
        return ocitar_i_bytes_signed(out, seconds);
    if (seconds < 0) {
        out[n++] = '-';
        seconds = -(seconds + 1);
        nano = 1000000000u - nano;
    }
    n += ocitar_i_bytes_decimal(out + n, (uint64_t)seconds);
    out[n++] = '.';
    for (i = 9; i > 0; i--) {
        out[n + i - 1] = (char)('0' + (int)(nano % 10));
        nano /= 10;
    }
    n += 9;
    while (out[n - 1] == '0')
        n--;
    return n;
}

/* The text of a field that has a pax key; NULL for a time that is not set.
   `scratch` holds what is not a string of the entry's. */
static const char *ocitar_i_tar_value(const ocitar_encoder *enc,
                                      unsigned record, char scratch[32],
                                      size_t *len)
{
    const ocitar_entry *e = enc->entry;
    const ocitar_time *t = NULL;
    const char *s = NULL;
    size_t n = 0;

    switch (record) {
    case OCITAR_I_PATH:
        s = e->name, n = e->name_len;
        break;
    case OCITAR_I_LINKPATH:
        s = e->linkname, n = e->linkname_len;
        break;
    case OCITAR_I_UNAME:
        s = e->uname, n = e->uname_len;
        break;
    case OCITAR_I_GNAME:
        s = e->gname, n = e->gname_len;
        break;
    case OCITAR_I_UID:
        *len = ocitar_i_bytes_signed(scratch, e->uid);
        return scratch;
    case OCITAR_I_GID:
        *len = ocitar_i_bytes_signed(scratch, e->gid);
        return scratch;
    case OCITAR_I_SIZE:
        *len = ocitar_i_bytes_signed(scratch, e->size);
        return scratch;
    case OCITAR_I_MTIME:
        t = &enc->mtime;
        break;
    default:
        t = record == OCITAR_I_ATIME ? &e->atime : &e->ctime;
        if (enc->drop_times)
            return NULL;
    }
    if (t != NULL) {
        *len = t->set ? ocitar_i_tar_time(scratch, t) : 0;
        return t->set ? scratch : NULL;
    }
    *len = ocitar_i_bytes_length(s, n);
    return s == NULL ? "" : s;
}

/* Is this record of the caller's written? One that contradicts a field is
   not, nor is what describes GNU's sparse files; 'g' takes all. */
static int ocitar_i_tar_kept(const ocitar_encoder *enc,
                             const ocitar_pair *pair)
{
    size_t key_len = ocitar_i_bytes_length(pair->key, pair->key_len), n, len;
    size_t value_len = ocitar_i_bytes_length(pair->value, pair->value_len);
    char scratch[32];
    const char *text;
    unsigned i;

    if (enc->typeflag == 'g')
        return 1;
    if (key_len >= 11 && OCITAR_MEMCMP(pair->key, "GNU.sparse.", 11) == 0)
        return 0;
    for (i = 0; i < OCITAR_I_RECORDS; i++) {
        n = ocitar_i_bytes_length(ocitar_i_tar_key(i), 0);
        if (!ocitar_i_bytes_equal(pair->key, key_len, ocitar_i_tar_key(i), n))
            continue;
        text = ocitar_i_tar_value(enc, i, scratch, &len);
        return text != NULL &&
               ocitar_i_bytes_equal(text, len, pair->value, value_len);
    }
    return 1;
}

/* A record: whose it is, and where its text lies. */
typedef struct ocitar_i_tar_record {
    const char *key;
    const char *value;
    size_t key_len;
    size_t value_len;
    size_t len; /* of the whole record, its own digits included */
    char scratch[32];
} ocitar_i_tar_record;

static void ocitar_i_tar_measure(ocitar_i_tar_record *r)
{
    char digits[20];
    size_t base = r->key_len + r->value_len + 3;

    r->len = base + ocitar_i_bytes_decimal(digits, base);
    r->len = base + ocitar_i_bytes_decimal(digits, r->len);
}

/* Loads the record of the smallest key after the last one, or returns 0.
   Sorting by selection: nothing is stored, and records are few. */
static int ocitar_i_tar_select(const ocitar_encoder *enc,
                               ocitar_i_tar_record *r)
{
    const ocitar_entry *e = enc->entry;
    unsigned i, own = OCITAR_I_RECORDS;
    size_t j, n;

    r->key = NULL;
    r->key_len = 0;
    for (i = 0; i < OCITAR_I_RECORDS && r->key == NULL; i++) {
        n = ocitar_i_bytes_length(ocitar_i_tar_key(i), 0);
        if ((enc->records >> i & 1) &&
            (enc->last_key == NULL ||
             ocitar_i_bytes_compare(ocitar_i_tar_key(i), n, enc->last_key,
                                    enc->last_key_len) > 0)) {
            own = i;
            r->key = ocitar_i_tar_key(i);
            r->key_len = n;
        }
    }
    for (j = 0; j < e->pax_count; j++) {
        const ocitar_pair *p = &e->pax[j];

        n = ocitar_i_bytes_length(p->key, p->key_len);
        if ((enc->last_key != NULL &&
             ocitar_i_bytes_compare(p->key, n, enc->last_key,
                                    enc->last_key_len) <= 0) ||
            (r->key != NULL &&
             ocitar_i_bytes_compare(p->key, n, r->key, r->key_len) >= 0) ||
            !ocitar_i_tar_kept(enc, p))
            continue;
        own = OCITAR_I_RECORDS;
        r->key = p->key;
        r->key_len = n;
        r->value = p->value;
        r->value_len = ocitar_i_bytes_length(p->value, p->value_len);
    }
    if (r->key == NULL)
        return 0;
    if (own < OCITAR_I_RECORDS)
        r->value = ocitar_i_tar_value(enc, own, r->scratch, &r->value_len);
    ocitar_i_tar_measure(r);
    return 1;
}

/* Copies the part of `s` that lies in [from, from + room) of a text in which
   it begins at *at; moves *at past it. */
static size_t ocitar_i_tar_part(uint8_t *out, size_t room, size_t from,
                                size_t *at, const char *s, size_t len)
{
    size_t skip = from > *at ? from - *at : 0, n;

    *at += len;
    if (skip >= len || room == 0)
        return 0;
    n = len - skip < room ? len - skip : room;
    OCITAR_MEMCPY(out, s + skip, n);
    return n;
}

/* Up to `room` bytes of the record `len key=value\n`, from position `from`. */
static size_t ocitar_i_tar_record_copy(const ocitar_i_tar_record *r,
                                       uint8_t *out, size_t room, size_t from)
{
    char head[21];
    size_t n = ocitar_i_bytes_decimal(head, r->len), at = 0, done;

    head[n++] = ' ';
    done = ocitar_i_tar_part(out, room, from, &at, head, n);
    done += ocitar_i_tar_part(out + done, room - done, from + done, &at,
                              r->key, r->key_len);
    done += ocitar_i_tar_part(out + done, room - done, from + done, &at, "=",
                              1);
    done += ocitar_i_tar_part(out + done, room - done, from + done, &at,
                              r->value, r->value_len);
    done += ocitar_i_tar_part(out + done, room - done, from + done, &at, "\n",
                              1);
    return done;
}

/* Does a number or string of the entry exceed ustar? Sets the record's bit. */
static void ocitar_i_tar_need(ocitar_encoder *enc, unsigned record,
                              int needed, int *ustar)
{
    if (needed) { /* without pax nobody asks for the bit */
        if (OCITAR_I_PAX)
            enc->records = (uint16_t)(enc->records | 1u << record);
        *ustar = 0;
    }
}

static void ocitar_i_tar_need_string(ocitar_encoder *enc, unsigned record,
                                     const char *s, size_t len, size_t field,
                                     int *ustar)
{
    int before = *ustar;

    len = ocitar_i_bytes_length(s, len);
    ocitar_i_tar_need(enc, record, len > field || !ocitar_i_tar_ascii(s, len),
                      ustar);
    if (record == OCITAR_I_PATH && ocitar_i_tar_split(s, len) > 0)
        *ustar = before;
}

static int ocitar_i_tar_type_ok(char typeflag, const ocitar_entry *e)
{
    size_t n = ocitar_i_bytes_length(e->name, e->name_len);

    if (typeflag == 'x' || typeflag == 'L' || typeflag == 'K')
        return OCITAR_E_ARG;
    if (n > 0 && e->name[n - 1] == '/' &&
        ocitar_i_bytes_has("0346S", 5, typeflag))
        return OCITAR_E_NAME;
    if (e->size < 0 && (typeflag < '1' || typeflag > '6'))
        return OCITAR_E_RANGE;
    return OCITAR_OK;
}

/* A global header carries its name and records, and nothing else. */
static int ocitar_i_tar_global_ok(const ocitar_entry *e)
{
    return ocitar_i_bytes_length(e->linkname, e->linkname_len) == 0 &&
           ocitar_i_bytes_length(e->uname, e->uname_len) == 0 &&
           ocitar_i_bytes_length(e->gname, e->gname_len) == 0 &&
           e->size == 0 && e->mode == 0 && e->uid == 0 && e->gid == 0 &&
           e->devmajor == 0 && e->devminor == 0 && !e->mtime.set &&
           !e->atime.set && !e->ctime.set;
}

static int ocitar_i_tar_time_ok(const ocitar_time *t)
{
    return !t->set || t->nanoseconds < 1000000000u;
}

static int ocitar_i_tar_numbers_ok(const ocitar_entry *e)
{
    return ocitar_i_tar_octal_ok(e->mode, OCITAR_I_OCTAL7) &&
           ocitar_i_tar_octal_ok(e->devmajor, OCITAR_I_OCTAL7) &&
           ocitar_i_tar_octal_ok(e->devminor, OCITAR_I_OCTAL7) &&
           ocitar_i_tar_time_ok(&e->mtime) &&
           ocitar_i_tar_time_ok(&e->atime) && ocitar_i_tar_time_ok(&e->ctime);
}

static int ocitar_i_tar_pairs_ok(const ocitar_pair *p, size_t count)
{
    size_t i, j;

    for (i = 0; i < count; i++) {
        if (p[i].key == NULL)
            return OCITAR_E_ARG;
        for (j = 0; j < i; j++)
            if (ocitar_i_bytes_equal(
                    p[i].key, ocitar_i_bytes_length(p[i].key, p[i].key_len),
                    p[j].key, ocitar_i_bytes_length(p[j].key, p[j].key_len)))
                return OCITAR_E_DUPLICATE;
    }
    return OCITAR_OK;
}

/* pax: a key is not empty and has no '='; no NUL in a key, nor in the four
   values that are strings of the header. */
static int ocitar_i_tar_record_ok(const ocitar_i_tar_record *r)
{
    static const uint8_t strings[4] = { OCITAR_I_GNAME, OCITAR_I_LINKPATH,
                                        OCITAR_I_PATH, OCITAR_I_UNAME };
    const char *key;
    unsigned i;

    if (r->key_len == 0 || ocitar_i_bytes_has(r->key, r->key_len, '=') ||
        ocitar_i_bytes_has(r->key, r->key_len, 0))
        return OCITAR_E_ARG;
    for (i = 0; i < 4; i++) {
        key = ocitar_i_tar_key(strings[i]);
        if (ocitar_i_bytes_equal(r->key, r->key_len, key,
                                 ocitar_i_bytes_length(key, 0)) &&
            ocitar_i_bytes_has(r->value, r->value_len, 0))
            return OCITAR_E_NAME;
    }
    return OCITAR_OK;
}

/* Checks and adds up the records: their length is in the head before them. */
static int ocitar_i_tar_records_measure(ocitar_encoder *enc)
{
    ocitar_i_tar_record r;
    int e;

    enc->data_len = 0;
    enc->last_key = NULL;
    if (!OCITAR_I_PAX || (enc->records == 0 && enc->entry->pax_count == 0))
        return OCITAR_OK;
    while (ocitar_i_tar_select(enc, &r)) {
        e = ocitar_i_tar_record_ok(&r);
        if (e != OCITAR_OK)
            return e;
        if (r.len > 1048576 || enc->data_len > 1048576 - r.len)
            return OCITAR_E_LIMIT;
        enc->data_len += r.len;
        enc->last_key = r.key;
        enc->last_key_len = r.key_len;
    }
    enc->last_key = NULL;
    enc->data_left = enc->data_len;
    return OCITAR_OK;
}

/* mtime to whole seconds, half up, where no format was asked for. */
static void ocitar_i_tar_times(ocitar_encoder *enc)
{
    enc->mtime = enc->entry->mtime;
    if (enc->entry->format != OCITAR_FORMAT_ANY)
        return;
    enc->drop_times = 1;
    if (enc->mtime.nanoseconds >= 500000000u &&
        enc->mtime.seconds < INT64_MAX)
        enc->mtime.seconds++;
    enc->mtime.nanoseconds = 0;
}

/* Which records are needed; 1 if ustar can hold the entry. */
static int ocitar_i_tar_needs(ocitar_encoder *enc)
{
    const ocitar_entry *e = enc->entry;
    int ustar = enc->typeflag != 'g' && e->pax_count == 0;
    int octal = ocitar_i_tar_octal_ok(enc->mtime.seconds, OCITAR_I_OCTAL11);

    ocitar_i_tar_need_string(enc, OCITAR_I_PATH, e->name, e->name_len,
                             100, &ustar);
    ocitar_i_tar_need_string(enc, OCITAR_I_LINKPATH, e->linkname,
                             e->linkname_len, 100, &ustar);
    ocitar_i_tar_need_string(enc, OCITAR_I_UNAME, e->uname, e->uname_len,
                             32, &ustar);
    ocitar_i_tar_need_string(enc, OCITAR_I_GNAME, e->gname, e->gname_len,
                             32, &ustar);
    ocitar_i_tar_need(enc, OCITAR_I_UID,
                      !ocitar_i_tar_octal_ok(e->uid, OCITAR_I_OCTAL7), &ustar);
    ocitar_i_tar_need(enc, OCITAR_I_GID,
                      !ocitar_i_tar_octal_ok(e->gid, OCITAR_I_OCTAL7), &ustar);
    ocitar_i_tar_need(enc, OCITAR_I_SIZE,
                      !ocitar_i_tar_octal_ok(e->size, OCITAR_I_OCTAL11),
                      &ustar);
    ocitar_i_tar_need(enc, OCITAR_I_MTIME, enc->mtime.set && !octal, &ustar);
    if (!enc->drop_times) {
        ocitar_i_tar_need(enc, OCITAR_I_ATIME, e->atime.set, &ustar);
        ocitar_i_tar_need(enc, OCITAR_I_CTIME, e->ctime.set, &ustar);
    }
    if (enc->mtime.set && enc->mtime.nanoseconds != 0) {
        enc->records = (uint16_t)(enc->records | 1u << OCITAR_I_MTIME);
        if (e->format == OCITAR_FORMAT_PAX)
            ustar = 0; /* ustar would do, with the fraction lost */
    }
    return ustar;
}

OCITAR_API int ocitar_encoder_begin(ocitar_encoder *encoder,
                                    const ocitar_entry *entry)
{
    size_t n;
    int e, ustar;

    if (encoder == NULL)
        return OCITAR_E_ARG;
    ocitar_i_bytes_clear(encoder, sizeof *encoder);
    if (entry == NULL || entry->format > OCITAR_FORMAT_PAX ||
        (entry->pax_count > 0 && entry->pax == NULL))
        return OCITAR_E_ARG;
    n = ocitar_i_bytes_length(entry->name, entry->name_len);
    encoder->entry = entry;
    encoder->typeflag = entry->typeflag;
    if (entry->typeflag == 0)
        encoder->typeflag = n > 0 && entry->name[n - 1] == '/' ? '5' : '0';
    e = ocitar_i_tar_type_ok(encoder->typeflag, entry);
    if (e != OCITAR_OK)
        return e;
    if (!OCITAR_I_PAX && (encoder->typeflag == 'g' || entry->pax_count > 0))
        return OCITAR_E_UNSUPPORTED;
    if (encoder->typeflag == 'g' && !ocitar_i_tar_global_ok(entry))
        return OCITAR_E_ARG;
    if (!ocitar_i_tar_numbers_ok(entry))
        return OCITAR_E_RANGE;
    e = ocitar_i_tar_pairs_ok(entry->pax, entry->pax_count);
    if (e != OCITAR_OK)
        return e;
    ocitar_i_tar_times(encoder);
    ustar = ocitar_i_tar_needs(encoder);
    e = ocitar_i_tar_records_measure(encoder);
    if (e != OCITAR_OK)
        return e;
    if (!ustar && entry->format == OCITAR_FORMAT_USTAR)
        return OCITAR_E_RANGE;
    if (!ustar && !OCITAR_I_PAX)
        return OCITAR_E_UNSUPPORTED;
    encoder->pax = (uint8_t)!ustar;
    if (OCITAR_I_PAX && encoder->pax &&
        (encoder->data_len > 0 || encoder->typeflag == 'g'))
        encoder->phase = OCITAR_I_TAR_PAX_HEAD;
    else
        encoder->phase = OCITAR_I_TAR_HEAD;
    return OCITAR_OK;
}

OCITAR_API size_t ocitar_encoder_size(const ocitar_encoder *encoder)
{
    size_t n = encoder->typeflag == 'g' ? 0 : 512;

    if (encoder->entry == NULL)
        return 0;
    if (OCITAR_I_PAX && encoder->pax && (encoder->data_len > 0 || n == 0))
        n += 512 + (encoder->data_len + 511) / 512 * 512;
    return n;
}

/* A string field: what is not ASCII is left out, and the rest is cut. Some
   readers take a '/' at the very end for a directory, so if that is where it
   was cut, the run of slashes is ended early. */
static void ocitar_i_tar_put_string(uint8_t *field, size_t size,
                                    const char *s, size_t len)
{
    size_t i, n = 0;

    for (i = 0; i < len && n <= size; i++) {
        if (s[i] == 0 || ((unsigned char)s[i] & 0x80))
            continue;
        if (n < size)
            field[n] = (uint8_t)s[i];
        n++;
    }
    if (n <= size || field[size - 1] != '/')
        return;
    for (n = size; n > 0 && field[n - 1] == '/'; n--)
        ;
    field[n] = 0;
}

/* An octal field with its NUL; 0 where pax has the true value. */
static void ocitar_i_tar_put_octal(uint8_t *field, size_t size, int64_t value,
                                   int64_t max)
{
    if (!ocitar_i_tar_octal_ok(value, max))
        value = 0;
    ocitar_i_bytes_octal(field, size - 1, (uint64_t)value);
}

/* All bytes added up; four sums of 128 bytes each have room in one word. */
static uint32_t ocitar_i_tar_sum(const uint8_t block[512])
{
    unsigned i;
#ifdef OCITAR_SMALL
    uint32_t sum = 0;

    for (i = 0; i < 512; i++)
        sum += block[i];
    return sum;
#else
    const uint64_t even = 0x00ff00ff00ff00ffu;
    uint64_t sum = 0, v;

    for (i = 0; i < 352; i += 8) {
        OCITAR_MEMCPY(&v, block + i, 8);
        sum += (v & even) + (v >> 8 & even);
    }
    if (block[345] != 0) /* the prefix, which is the last field */
        for (i = 352; i < 512; i += 8) {
            OCITAR_MEMCPY(&v, block + i, 8);
            sum += (v & even) + (v >> 8 & even);
        }
    sum = (sum & 0x0000ffff0000ffffu) + (sum >> 16 & 0x0000ffff0000ffffu);
    return (uint32_t)sum + (uint32_t)(sum >> 32);
#endif
}

/* Magic, version and last of all the checksum: six digits, NUL, space. */
static void ocitar_i_tar_seal(uint8_t block[512])
{
    OCITAR_MEMCPY(block + 257, "ustar\00000", 8);
    OCITAR_MEMSET(block + 148, ' ', 8);
    ocitar_i_bytes_octal(block + 148, 6, ocitar_i_tar_sum(block));
    block[154] = 0;
}

/* The name of an 'x' entry, as a text that is read and not stored: the
   directory, "PaxHeaders.0", the file. */
typedef struct ocitar_i_tar_path {
    const char *name;
    size_t dir;   /* bytes up to and with the last '/' */
    size_t total; /* of the whole text */
    size_t len;   /* of the name */
} ocitar_i_tar_path;

static char ocitar_i_tar_path_at(const ocitar_i_tar_path *p, size_t i)
{
    static const char middle[] = "PaxHeaders.0/";

    if (i < p->dir)
        return p->name[i];
    i -= p->dir;
    if (i < 13)
        return middle[i];
    return p->name[p->dir + i - 13];
}

/* Finds the component at or after *from: its start, length and kind, 0 at
   the end, 1 for ".", 2 for "..", 3 for any other. */
static int ocitar_i_tar_path_next(const ocitar_i_tar_path *p, size_t *from,
                                  size_t *start)
{
    size_t i = *from, n;

    while (i < p->total && ocitar_i_tar_path_at(p, i) == '/')
        i++;
    *start = i;
    while (i < p->total && ocitar_i_tar_path_at(p, i) != '/')
        i++;
    *from = i;
    n = i - *start;
    if (n == 1 && ocitar_i_tar_path_at(p, *start) == '.')
        return 1;
    if (n == 2 && ocitar_i_tar_path_at(p, *start) == '.' &&
        ocitar_i_tar_path_at(p, *start + 1) == '.')
        return 2;
    return n == 0 ? 0 : 3;
}

/* Does a ".." further on take back the component before *from? Then *from
   moves past it. */
static int ocitar_i_tar_path_undone(const ocitar_i_tar_path *p, size_t *from)
{
    size_t at = *from, start, depth = 1;
    int kind;

    while ((kind = ocitar_i_tar_path_next(p, &at, &start)) != 0) {
        if (kind == 3)
            depth++;
        else if (kind == 2 && --depth == 0) {
            *from = at;
            return 1;
        }
    }
    return 0;
}

/* Writes the cleaned path ('.', '..' and '//' resolved, as a text) into the
   name field: ASCII only, cut, no '/' at the end. */
static void ocitar_i_tar_put_pax_name(uint8_t field[100], const char *name,
                                      size_t len)
{
    ocitar_i_tar_path p;
    size_t at = 0, start, end, n = 0, parts = 0;
    int rooted, kind;

    p.name = name;
    p.len = len;
    p.total = len + 13;
    for (p.dir = len; p.dir > 0 && name[p.dir - 1] != '/'; p.dir--)
        ;
    rooted = len > 0 && name[0] == '/';
    if (rooted)
        field[n++] = '/';
    while (n < 100 && (kind = ocitar_i_tar_path_next(&p, &at, &start)) != 0) {
        end = at;
        if (kind == 1 || (kind == 2 && rooted) ||
            (kind == 3 && ocitar_i_tar_path_undone(&p, &at)))
            continue;
        if (parts++ > 0)
            field[n++] = '/';
        for (; start < end && n < 100; start++) {
            char c = ocitar_i_tar_path_at(&p, start);

            if (!((unsigned char)c & 0x80))
                field[n++] = (uint8_t)c;
        }
    }
    if (parts == 0 && !rooted)
        field[n++] = '.';
    while (n > 0 && field[n - 1] == '/')
        field[--n] = 0;
}

/* The head of the pax data: 'x' before its entry, or 'g' by itself. */
static void ocitar_i_tar_pax_head(const ocitar_encoder *enc,
                                  uint8_t block[512])
{
    const ocitar_entry *e = enc->entry;
    size_t len = ocitar_i_bytes_length(e->name, e->name_len), n;

    if (enc->typeflag != 'g') {
        ocitar_i_tar_put_pax_name(block, e->name, len);
    } else {
        if (len > 0)
            ocitar_i_tar_put_string(block, 100, e->name, len);
        else
            ocitar_i_tar_put_string(block, 100, "GlobalHead.0.0", 14);
        for (n = 100; n > 0 && (block[n - 1] == 0 || block[n - 1] == '/'); n--)
            block[n - 1] = 0;
    }
    ocitar_i_tar_put_octal(block + 100, 8, 0, 0);
    ocitar_i_tar_put_octal(block + 108, 8, 0, 0);
    ocitar_i_tar_put_octal(block + 116, 8, 0, 0);
    ocitar_i_tar_put_octal(block + 124, 12, (int64_t)enc->data_len,
                           OCITAR_I_OCTAL11);
    ocitar_i_tar_put_octal(block + 136, 12, 0, 0);
    block[156] = enc->typeflag == 'g' ? 'g' : 'x';
    ocitar_i_tar_seal(block);
}

static void ocitar_i_tar_pax_data(ocitar_encoder *enc, uint8_t block[512])
{
    ocitar_i_tar_record r;
    size_t at = 0;

    while (at < 512 && enc->data_left > 0 && ocitar_i_tar_select(enc, &r)) {
        size_t n = ocitar_i_tar_record_copy(&r, block + at, 512 - at,
                                            enc->record_at);

        at += n;
        enc->data_left -= n;
        enc->record_at += n;
        if (enc->record_at < r.len)
            break;
        enc->record_at = 0;
        enc->last_key = r.key;
        enc->last_key_len = r.key_len;
    }
}

static void ocitar_i_tar_head(const ocitar_encoder *enc, uint8_t block[512])
{
    const ocitar_entry *e = enc->entry;
    size_t len = ocitar_i_bytes_length(e->name, e->name_len);
    size_t split = enc->pax ? 0 : ocitar_i_tar_split(e->name, len);

    if (split > 0) {
        OCITAR_MEMCPY(block + 345, e->name, split);
        split++;
    }
    if (len > 0 && !(enc->records & 1u << OCITAR_I_PATH))
        OCITAR_MEMCPY(block, e->name, len);
    else if (len > 0)
        ocitar_i_tar_put_string(block, 100, e->name + split, len - split);
    ocitar_i_tar_put_octal(block + 100, 8, e->mode, OCITAR_I_OCTAL7);
    ocitar_i_tar_put_octal(block + 108, 8, e->uid, OCITAR_I_OCTAL7);
    ocitar_i_tar_put_octal(block + 116, 8, e->gid, OCITAR_I_OCTAL7);
    ocitar_i_tar_put_octal(block + 124, 12, e->size, OCITAR_I_OCTAL11);
    ocitar_i_tar_put_octal(block + 136, 12,
                           enc->mtime.set ? enc->mtime.seconds : 0,
                           OCITAR_I_OCTAL11);
    block[156] = (uint8_t)enc->typeflag;
    ocitar_i_tar_put_string(block + 157, 100, e->linkname,
                            ocitar_i_bytes_length(e->linkname,
                                                  e->linkname_len));
    ocitar_i_tar_put_string(block + 265, 32, e->uname,
                            ocitar_i_bytes_length(e->uname, e->uname_len));
    ocitar_i_tar_put_string(block + 297, 32, e->gname,
                            ocitar_i_bytes_length(e->gname, e->gname_len));
    ocitar_i_tar_put_octal(block + 329, 8, e->devmajor, OCITAR_I_OCTAL7);
    ocitar_i_tar_put_octal(block + 337, 8, e->devminor, OCITAR_I_OCTAL7);
    ocitar_i_tar_seal(block);
}

OCITAR_API int ocitar_encoder_next(ocitar_encoder *encoder,
                                   uint8_t block[512])
{
    if (encoder == NULL || encoder->phase == OCITAR_I_TAR_DONE)
        return 0;
    ocitar_i_bytes_clear(block, 512);
    if (OCITAR_I_PAX && encoder->phase == OCITAR_I_TAR_PAX_HEAD) {
        ocitar_i_tar_pax_head(encoder, block);
        encoder->phase = OCITAR_I_TAR_PAX_DATA;
    } else if (OCITAR_I_PAX && encoder->phase == OCITAR_I_TAR_PAX_DATA) {
        ocitar_i_tar_pax_data(encoder, block);
    } else {
        ocitar_i_tar_head(encoder, block);
        encoder->phase = OCITAR_I_TAR_DONE;
    }
    if (OCITAR_I_PAX && encoder->phase == OCITAR_I_TAR_PAX_DATA &&
        encoder->data_left == 0)
        encoder->phase = encoder->typeflag == 'g' ? OCITAR_I_TAR_DONE
                                                  : OCITAR_I_TAR_HEAD;
    return 1;
}

/* POSIX: these types have no body, whatever their size field says. */
static int ocitar_i_tar_has_body(char typeflag)
{
    return !((typeflag >= '1' && typeflag <= '6') || typeflag == 'g');
}

/* -- decoder -- */

#if OCITAR_I_READS

enum { /* what decoder_next takes next */
    OCITAR_I_DECODE_HEAD, OCITAR_I_DECODE_META, OCITAR_I_DECODE_SPARSE,
    OCITAR_I_DECODE_ZERO, OCITAR_I_DECODE_DONE, OCITAR_I_DECODE_FAILED
};

enum { /* which meta entries came, and which header this is */
    OCITAR_I_META_PAX = 1, OCITAR_I_META_NAME = 2, OCITAR_I_META_LINK = 4
};

static int ocitar_i_decoder_fail(ocitar_decoder *d, int code, const char *why)
{
    d->phase = OCITAR_I_DECODE_FAILED;
    d->why = OCITAR_I_WHY(why);
    return code;
}

static int ocitar_i_decoder_short(ocitar_decoder *d, size_t need,
                                  const char *why)
{
    d->need = need;
    return ocitar_i_decoder_fail(d, OCITAR_E_LIMIT, why);
}

/* Bytes up to the first NUL of a field. */
static size_t ocitar_i_tar_field(const uint8_t *field, size_t width)
{
    size_t n = 0;

    while (n < width && field[n] != 0)
        n++;
    return n;
}

/* Octal with spaces and NULs around it, or base-256 in two's complement, which
   the first bit tells. 0: not a number, or none that an int64_t holds. */
static int ocitar_i_tar_number(const uint8_t *p, size_t width, int64_t *out)
{
    uint64_t v = 0;
    uint8_t flip = 0;
    size_t i = 0;

    *out = 0;
    if (p[0] & 0x80) {
        flip = p[0] & 0x40 ? 0xff : 0;
        for (; i < width; i++) {
            if (v >> 55 != 0)
                return 0;
            v = v << 8 | (uint8_t)((p[i] ^ flip) & (i == 0 ? 0x7f : 0xff));
        }
        *out = flip ? -(int64_t)v - 1 : (int64_t)v;
        return 1;
    }
    while (i < width && p[i] == ' ')
        i++;
    for (; i < width && p[i] >= '0' && p[i] <= '7'; i++) {
        if (v >> 60 != 0)
            return 0;
        v = v << 3 | (uint64_t)(p[i] - '0');
    }
    while (i < width && (p[i] == ' ' || p[i] == 0))
        i++;
    *out = (int64_t)v;
    return i == width;
}

/* The sum of all bytes with the field itself as spaces (POSIX ustar); old tars
   summed signed bytes. */
static int ocitar_i_tar_sum_ok(const uint8_t *block)
{
    int64_t want;
    int32_t bytes = 0, chars = 0;
    size_t i;

    for (i = 0; i < 512; i++) {
        uint8_t c = i >= 148 && i < 156 ? (uint8_t)' ' : block[i];

        bytes += c;
        chars += c < 128 ? c : (int32_t)c - 256;
    }
    return ocitar_i_tar_number(block + 148, 8, &want) &&
           (want == bytes || want == chars);
}

static int ocitar_i_tar_is_zero(const uint8_t *block)
{
    size_t i;

    for (i = 0; i < 512; i++)
        if (block[i] != 0)
            return 0;
    return 1;
}

/* Decimal seconds, perhaps with a fraction, whose ninth digit is the last
   that counts. */
static int ocitar_i_pax_time(const char *s, size_t len, ocitar_time *out)
{
    int minus = len > 0 && s[0] == '-';
    size_t i = (size_t)minus, digits = 0;
    uint64_t v = 0;
    uint32_t nano = 0, scale = 100000000;

    for (; i < len && s[i] >= '0' && s[i] <= '9'; i++, digits++) {
        int digit = s[i] - '0', last = (int)(INT64_MAX % 10) + minus;

        if (v > INT64_MAX / 10 || (v == INT64_MAX / 10 && digit > last))
            return 0;
        v = v * 10 + (uint64_t)digit;
    }
    if (i < len && s[i] == '.')
        for (i++; i < len && s[i] >= '0' && s[i] <= '9'; i++, scale /= 10)
            nano += scale * (uint32_t)(s[i] - '0');
    if (digits == 0 || i != len)
        return 0;
    out->set = 1;
    out->seconds = !minus || v == 0 ? (int64_t)v : -(int64_t)(v - 1) - 1;
    out->nanoseconds = nano;
    if (minus && nano > 0) {
        if (out->seconds == INT64_MIN)
            return 0;
        out->seconds--;
        out->nanoseconds = 1000000000 - nano;
    }
    return 1;
}

static int ocitar_i_pax_number(const char *s, size_t len, int64_t *out)
{
    ocitar_time t;

    if (ocitar_i_bytes_has(s, len, '.') || !ocitar_i_pax_time(s, len, &t))
        return 0;
    *out = t.seconds;
    return 1;
}

OCITAR_API int ocitar_pax_next(const char **pax, size_t *len, ocitar_pair *out)
{
    const char *s;
    size_t n = 0, i, end;

    if (pax == NULL || len == NULL || out == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(out, 0, sizeof *out);
    if (*len == 0)
        return 0;
    s = *pax;
    for (i = 0; i < *len && s[i] >= '0' && s[i] <= '9' && n < *len; i++)
        n = n * 10 + (size_t)(s[i] - '0');
    if (i == 0 || s[0] == '0' || n > *len || n < i + 3 || s[i] != ' ' ||
        s[n - 1] != '\n')
        return OCITAR_E_FORMAT;
    out->key = s + ++i;
    for (end = i; end < n - 1 && s[end] != '='; end++)
        ;
    if (end == i || end == n - 1 || ocitar_i_bytes_has(s + i, end - i, 0))
        return OCITAR_E_FORMAT;
    out->key_len = end - i;
    out->value = s + end + 1;
    out->value_len = n - end - 2;
    *pax += n;
    *len -= n;
    return 1;
}

/* A local record over the field of the header. */
static int ocitar_i_decoder_record(ocitar_decoder *d, unsigned record,
                                   const char *v, size_t len)
{
    ocitar_entry *e = &d->entry;

    if (record == OCITAR_I_SIZE)
        return ocitar_i_pax_number(v, len, &e->size);
    if (record == OCITAR_I_UID)
        return ocitar_i_pax_number(v, len, &e->uid);
    if (record == OCITAR_I_GID)
        return ocitar_i_pax_number(v, len, &e->gid);
    if (record == OCITAR_I_MTIME || record == OCITAR_I_ATIME ||
        record == OCITAR_I_CTIME)
        return ocitar_i_pax_time(v, len,
                                 record == OCITAR_I_MTIME   ? &e->mtime
                                 : record == OCITAR_I_ATIME ? &e->atime
                                                            : &e->ctime);
    if (record == OCITAR_I_PATH)
        e->name = v, e->name_len = len;
    else if (record == OCITAR_I_LINKPATH)
        e->linkname = v, e->linkname_len = len;
    else if (record == OCITAR_I_UNAME)
        e->uname = v, e->uname_len = len;
    else
        e->gname = v, e->gname_len = len;
    return !ocitar_i_bytes_has(v, len, 0);
}

/* The body of a meta entry is complete. */
static int ocitar_i_decoder_meta(ocitar_decoder *d)
{
    const char *p = d->buffer + d->meta_at;
    size_t len = d->meta_len;
    ocitar_pair record;
    int e = 1;

    d->phase = OCITAR_I_DECODE_HEAD;
    if (d->meta == 'g') { /* not applied, as Go does not, and not kept */
        while ((e = ocitar_pax_next(&p, &len, &record)) == 1)
            if (ocitar_i_bytes_equal(record.key, record.key_len, "path", 4) ||
                ocitar_i_bytes_equal(record.key, record.key_len, "linkpath",
                                     8) ||
                ocitar_i_bytes_equal(record.key, record.key_len, "size", 4) ||
                (record.key_len > 11 &&
                 OCITAR_MEMCMP(record.key, "GNU.sparse.", 11) == 0))
                return ocitar_i_decoder_fail(
                    d, OCITAR_E_FORMAT,
                    "a global pax record that readers disagree on");
        d->used = d->meta_at;
    } else if (d->meta == 'x') {
        d->records_at = d->meta_at;
        d->records_len = d->meta_len;
        while ((e = ocitar_pax_next(&p, &len, &record)) == 1)
            ;
    } else {
        len = ocitar_i_tar_field((const uint8_t *)p, len);
        if (d->meta == 'L')
            d->name_at = d->meta_at, d->name_len = (uint32_t)len;
        else
            d->link_at = d->meta_at, d->link_len = (uint32_t)len;
        if (len == 0)
            return ocitar_i_decoder_fail(d, OCITAR_E_FORMAT,
                                         "an empty long name");
    }
    return e < 0 ? ocitar_i_decoder_fail(d, OCITAR_E_FORMAT,
                                         "a malformed pax record")
                 : (int)OCITAR_BLOCK_MORE;
}

static int ocitar_i_decoder_meta_begin(ocitar_decoder *d, char meta,
                                       int64_t size)
{
    uint8_t bit = meta == 'x'   ? OCITAR_I_META_PAX
                  : meta == 'L' ? OCITAR_I_META_NAME
                  : meta == 'K' ? OCITAR_I_META_LINK
                                : 0;

    if (d->metas & bit)
        return ocitar_i_decoder_fail(d, OCITAR_E_FORMAT,
                                     "two heads before one entry");
    d->metas |= bit;
    if ((uint64_t)size > d->size - d->used)
        return ocitar_i_decoder_short(
            d, (uint64_t)size > SIZE_MAX - 512 - d->used
                   ? SIZE_MAX
                   : d->used + (size_t)size + 512, /* the header's own names */
            "a long name or pax record");
    d->meta = meta;
    d->meta_at = d->used;
    d->meta_len = (uint32_t)size;
    d->meta_got = 0;
    d->used += d->meta_len;
    d->phase = OCITAR_I_DECODE_META;
    return d->meta_len == 0 ? ocitar_i_decoder_meta(d)
                            : (int)OCITAR_BLOCK_MORE;
}

/* Copies a string of the header, whose block is lent for this call only. */
static int ocitar_i_decoder_keep(ocitar_decoder *d, const uint8_t *a,
                                 size_t a_len, const uint8_t *b, size_t b_len,
                                 const char **out, size_t *out_len)
{
    size_t slash = a_len > 0, n = a_len + slash + b_len;
    char *p = d->buffer + d->used;

    *out = NULL;
    *out_len = n;
    if (n == 0)
        return 1;
    if (n > d->size - d->used) {
        ocitar_i_decoder_short(d, d->used + 512, "names of the header");
        return 0;
    }
    if (a_len > 0)
        OCITAR_MEMCPY(p, a, a_len);
    if (slash)
        p[a_len] = '/';
    if (b_len > 0)
        OCITAR_MEMCPY(p + a_len + slash, b, b_len);
    d->used += (uint32_t)n;
    *out = p;
    return 1;
}

/* ustar, star and GNU have owners and devices; ustar and star a prefix. */
static int ocitar_i_decoder_strings(ocitar_decoder *d, const uint8_t *b)
{
    int ustar = OCITAR_MEMCMP(b + 257, "ustar", 6) == 0; /* any version */
    int gnu = OCITAR_MEMCMP(b + 257, "ustar  \0", 8) == 0;
    int star = ustar && OCITAR_MEMCMP(b + 508, "tar", 4) == 0;
    size_t prefix = ustar ? ocitar_i_tar_field(b + 345, star ? 131 : 155) : 0;
    ocitar_entry *e = &d->entry;

    /* others would see a longer prefix, or one at all */
    if ((star && prefix == 131) || (!ustar && !gnu && b[345] != 0)) {
        ocitar_i_decoder_fail(d, OCITAR_E_FORMAT,
                              "a prefix that readers disagree on");
        return 0;
    }

    return ocitar_i_decoder_keep(d, b + 345, prefix, b,
                                 ocitar_i_tar_field(b, 100), &e->name,
                                 &e->name_len) &&
           ocitar_i_decoder_keep(d, NULL, 0, b + 157,
                                 ocitar_i_tar_field(b + 157, 100),
                                 &e->linkname, &e->linkname_len) &&
           ocitar_i_decoder_keep(
               d, NULL, 0, b + 265,
               ustar || gnu ? ocitar_i_tar_field(b + 265, 32) : 0, &e->uname,
               &e->uname_len) &&
           ocitar_i_decoder_keep(
               d, NULL, 0, b + 297,
               ustar || gnu ? ocitar_i_tar_field(b + 297, 32) : 0, &e->gname,
               &e->gname_len);
}

static int ocitar_i_decoder_numbers(ocitar_decoder *d, const uint8_t *b)
{
    ocitar_entry *e = &d->entry;

    e->mtime.set = 1;
    return ocitar_i_tar_number(b + 100, 8, &e->mode) &&
           ocitar_i_tar_number(b + 108, 8, &e->uid) &&
           ocitar_i_tar_number(b + 116, 8, &e->gid) &&
           ocitar_i_tar_number(b + 124, 12, &e->size) &&
           ocitar_i_tar_number(b + 136, 12, &e->mtime.seconds) &&
           (OCITAR_MEMCMP(b + 257, "ustar", 5) != 0 ||
            (ocitar_i_tar_number(b + 329, 8, &e->devmajor) &&
             ocitar_i_tar_number(b + 337, 8, &e->devminor)));
}

/* What meta entries said, over what the header says. */
static int ocitar_i_decoder_merge(ocitar_decoder *d)
{
    unsigned r;

    d->pax = d->buffer + d->records_at;
    d->pax_len = d->records_len;
    for (r = 0; r < OCITAR_I_RECORDS; r++) {
        const char *p = d->pax, *key = ocitar_i_tar_key(r);
        size_t len = d->pax_len, key_len = ocitar_i_bytes_length(key, 0);
        ocitar_pair record, last;

        OCITAR_MEMSET(&last, 0, sizeof last);
        while (ocitar_pax_next(&p, &len, &record) == 1) {
            if (ocitar_i_bytes_equal(record.key, record.key_len, key, key_len))
                last = record;
            if (record.key_len > 11 &&
                OCITAR_MEMCMP(record.key, "GNU.sparse.", 11) == 0)
                d->sparse = 1;
        }
        /* which of the two counts, readers disagree on */
        if (last.key != NULL &&
            ((r == OCITAR_I_PATH && d->metas & OCITAR_I_META_NAME) ||
             (r == OCITAR_I_LINKPATH && d->metas & OCITAR_I_META_LINK)))
            return 0;
        /* of several the last counts, and an empty one takes them back */
        if (last.value_len > 0 &&
            !ocitar_i_decoder_record(d, r, last.value, last.value_len))
            return 0;
    }
    if (d->metas & OCITAR_I_META_NAME) {
        d->entry.name = d->buffer + d->name_at;
        d->entry.name_len = d->name_len;
    }
    if (d->metas & OCITAR_I_META_LINK) {
        d->entry.linkname = d->buffer + d->link_at;
        d->entry.linkname_len = d->link_len;
    }
    return 1;
}

static int ocitar_i_decoder_entry(ocitar_decoder *d, const uint8_t *b)
{
    ocitar_entry *e = &d->entry;

    if (!ocitar_i_decoder_strings(d, b))
        return d->need > 0 ? (int)OCITAR_E_LIMIT : (int)OCITAR_E_FORMAT;
    if (OCITAR_I_PAX && !ocitar_i_decoder_merge(d))
        return ocitar_i_decoder_fail(d, OCITAR_E_FORMAT, "a pax record");
    if (e->typeflag == 0)
        e->typeflag = e->name_len > 0 && e->name[e->name_len - 1] == '/'
                          ? '5'
                          : '0';
    if (!ocitar_i_tar_has_body(e->typeflag))
        e->size = 0;
    if (e->size < 0)
        return ocitar_i_decoder_fail(d, OCITAR_E_FORMAT, "a negative size");
    d->sparse |= e->typeflag == 'S';
    if (e->typeflag != 'S' || b[482] == 0 ||
        OCITAR_MEMCMP(b + 257, "ustar ", 6) != 0)
        return OCITAR_BLOCK_ENTRY;
    d->phase = OCITAR_I_DECODE_SPARSE; /* the map goes on */
    return OCITAR_BLOCK_MORE;
}

static int ocitar_i_decoder_head(ocitar_decoder *d, const uint8_t *b)
{
    char typeflag = (char)b[156];

    if (ocitar_i_tar_is_zero(b)) {
        if (d->metas != 0)
            return ocitar_i_decoder_fail(d, OCITAR_E_FORMAT,
                                         "a head without its entry");
        d->phase = OCITAR_I_DECODE_ZERO;
        return OCITAR_BLOCK_MORE;
    }
    if (!ocitar_i_tar_sum_ok(b))
        return ocitar_i_decoder_fail(d, OCITAR_E_FORMAT, "header checksum");
    OCITAR_MEMSET(&d->entry, 0, sizeof d->entry);
    d->entry.typeflag = typeflag;
    d->sparse = 0;
    if (!ocitar_i_decoder_numbers(d, b))
        return ocitar_i_decoder_fail(d, OCITAR_E_FORMAT,
                                     "a number of the header");
    if (typeflag != 'x' && typeflag != 'g' && typeflag != 'L' &&
        typeflag != 'K')
        return ocitar_i_decoder_entry(d, b);
    if (!OCITAR_I_PAX)
        return ocitar_i_decoder_fail(d, OCITAR_E_UNSUPPORTED,
                                     "a head of several entries");
    return d->entry.size < 0
               ? ocitar_i_decoder_fail(d, OCITAR_E_FORMAT, "a negative size")
               : ocitar_i_decoder_meta_begin(d, typeflag, d->entry.size);
}

OCITAR_API int ocitar_decoder_begin(ocitar_decoder *decoder, void *buffer,
                                    size_t size)
{
    if (decoder == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(decoder, 0, sizeof *decoder);
    decoder->phase = OCITAR_I_DECODE_FAILED;
    if (buffer == NULL || size < 512)
        return OCITAR_E_ARG;
    decoder->buffer = (char *)buffer;
    decoder->size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
    decoder->phase = OCITAR_I_DECODE_HEAD;
    return OCITAR_OK;
}

OCITAR_API int ocitar_decoder_next(ocitar_decoder *decoder,
                                   const uint8_t block[512])
{
    ocitar_decoder *d = decoder;
    size_t n;
    int got;

    if (d == NULL || block == NULL)
        return OCITAR_E_ARG;
    switch (d->phase) {
    case OCITAR_I_DECODE_HEAD:
        got = ocitar_i_decoder_head(d, block);
        break;
    case OCITAR_I_DECODE_META:
        if (!OCITAR_I_PAX)
            return OCITAR_E_STATE;
        n = d->meta_len - d->meta_got < 512 ? d->meta_len - d->meta_got : 512;
        OCITAR_MEMCPY(d->buffer + d->meta_at + d->meta_got, block, n);
        d->meta_got += (uint32_t)n;
        return d->meta_got == d->meta_len ? ocitar_i_decoder_meta(d)
                                          : (int)OCITAR_BLOCK_MORE;
    case OCITAR_I_DECODE_SPARSE:
        if (block[504] != 0)
            return OCITAR_BLOCK_MORE;
        d->phase = OCITAR_I_DECODE_HEAD;
        got = OCITAR_BLOCK_ENTRY;
        break;
    case OCITAR_I_DECODE_ZERO:
        if (!ocitar_i_tar_is_zero(block))
            return ocitar_i_decoder_fail(d, OCITAR_E_FORMAT,
                                         "a lone zero block");
        d->phase = OCITAR_I_DECODE_DONE;
        return OCITAR_BLOCK_END;
    default:
        return OCITAR_E_STATE;
    }
    if (got == OCITAR_BLOCK_ENTRY) { /* what it used is free for the next */
        d->used = 0;
        d->metas = 0;
        d->records_at = 0;
        d->records_len = 0;
    }
    return got;
}

#endif /* OCITAR_I_READS */

/* ==== json ==============================================================
   An emitter of RFC 8785 canonical JSON: keys in UTF-16 order, no white
   space, the escapes of ECMAScript. It writes to a function; the first error
   stays. Calls digest, bytes. */

#if OCITAR_I_IMAGES

typedef struct ocitar_i_json {
    int (*put_fn)(void *user, const void *data, size_t len);
    void *user;
    int error;
    int comma; /* a value stands before the next one */
} ocitar_i_json;

static void ocitar_i_json_fail(ocitar_i_json *j, int code)
{
    if (j->error == OCITAR_OK)
        j->error = code;
}

static void ocitar_i_json_put(ocitar_i_json *j, const char *s, size_t len)
{
    if (j->error == OCITAR_OK && len > 0)
        j->error = j->put_fn(j->user, s, len);
}

static void ocitar_i_json_separate(ocitar_i_json *j)
{
    if (j->comma)
        ocitar_i_json_put(j, ",", 1);
    j->comma = 0;
}

static void ocitar_i_json_open(ocitar_i_json *j, const char *bracket)
{
    ocitar_i_json_separate(j);
    ocitar_i_json_put(j, bracket, 1);
}

static void ocitar_i_json_close(ocitar_i_json *j, const char *bracket)
{
    ocitar_i_json_put(j, bracket, 1);
    j->comma = 1;
}

/* Bytes of the UTF-8 sequence at s, strictly (no surrogates, nothing
   overlong, at most U+10FFFF: RFC 3629), or 0. */
static size_t ocitar_i_json_utf8(const char *s, size_t len)
{
    unsigned char c = (unsigned char)s[0], low = 0x80, high = 0xBF;
    size_t n = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    size_t i;

    if (n == 0 || n > len || c > 0xF4)
        return 0;
    if (c == 0xE0)
        low = 0xA0;
    else if (c == 0xED)
        high = 0x9F;
    else if (c == 0xF0)
        low = 0x90;
    else if (c == 0xF4)
        high = 0x8F;
    for (i = 1; i < n; i++) {
        if ((unsigned char)s[i] < low || (unsigned char)s[i] > high)
            return 0;
        low = 0x80;
        high = 0xBF;
    }
    return n;
}

static void ocitar_i_json_escape(ocitar_i_json *j, char c)
{
    static const char names[] OCITAR_I_ROM = "\bb\tt\nn\ff\rr\"\"\\\\";
    char text[6] = { '\\', 'u', '0', '0', '0', '0' };
    unsigned i;

    for (i = 0; i < sizeof names - 1; i += 2)
        if (OCITAR_I_ROM_CHAR(names + i) == c) {
            text[1] = OCITAR_I_ROM_CHAR(names + i + 1);
            ocitar_i_json_put(j, text, 2);
            return;
        }
    text[4] = (char)('0' + (c >> 4));
    text[5] = (char)((c & 15) < 10 ? '0' + (c & 15) : 'a' - 10 + (c & 15));
    ocitar_i_json_put(j, text, 6);
}

/* A piece of a string: whole runs go out as they are. */
static void ocitar_i_json_part(ocitar_i_json *j, const char *s, size_t len)
{
    size_t from = 0, at = 0, n;

    while (at < len && j->error == OCITAR_OK) {
        n = ocitar_i_json_utf8(s + at, len - at);
        if (n == 0) {
            ocitar_i_json_fail(j, OCITAR_E_UTF8);
        } else if (n == 1 &&
                   (s[at] < 0x20 || s[at] == '"' || s[at] == '\\')) {
            ocitar_i_json_put(j, s + from, at - from);
            ocitar_i_json_escape(j, s[at]);
            from = ++at;
        } else {
            at += n;
        }
    }
    if (at > from)
        ocitar_i_json_put(j, s + from, at - from);
}

/* A string in two pieces; either may be empty. */
static void ocitar_i_json_string2(ocitar_i_json *j, const char *a,
                                  size_t a_len, const char *b, size_t b_len)
{
    ocitar_i_json_separate(j);
    ocitar_i_json_put(j, "\"", 1);
    ocitar_i_json_part(j, a, a_len);
    ocitar_i_json_part(j, b, b_len);
    ocitar_i_json_put(j, "\"", 1);
    j->comma = 1;
}

static void ocitar_i_json_string(ocitar_i_json *j, const char *s, size_t len)
{
    ocitar_i_json_string2(j, s, ocitar_i_bytes_length(s, len), NULL, 0);
}

static void ocitar_i_json_key(ocitar_i_json *j, const char *key, size_t len)
{
    ocitar_i_json_string(j, key, len);
    ocitar_i_json_put(j, ":", 1);
    j->comma = 0;
}

static void ocitar_i_json_number(ocitar_i_json *j, uint64_t value)
{
    char digits[20];

    ocitar_i_json_separate(j);
    ocitar_i_json_put(j, digits, ocitar_i_bytes_decimal(digits, value));
    j->comma = 1;
}

/* `"key":"value"`, left out if the value is NULL. */
static void ocitar_i_json_field(ocitar_i_json *j, const char *key,
                                const char *value)
{
    if (value == NULL)
        return;
    ocitar_i_json_key(j, key, 0);
    ocitar_i_json_string(j, value, 0);
}

/* `"key":["a","b"]`, left out if there are none. */
static void ocitar_i_json_strings(ocitar_i_json *j, const char *key,
                                  const char *const *values, size_t count)
{
    size_t i;

    if (count == 0)
        return;
    ocitar_i_json_key(j, key, 0);
    ocitar_i_json_open(j, "[");
    for (i = 0; i < count; i++) {
        if (values == NULL || values[i] == NULL)
            ocitar_i_json_fail(j, OCITAR_E_ARG);
        else
            ocitar_i_json_string(j, values[i], 0);
    }
    ocitar_i_json_close(j, "]");
}

/* RFC 8785 sorts keys as UTF-16. In UTF-8 only one thing differs: U+E000 to
   U+FFFF (lead bytes EE and EF) come after the surrogate pairs (F0 to F4). */
static int ocitar_i_json_compare(const char *a, size_t a_len, const char *b,
                                 size_t b_len)
{
    size_t i = 0, n = a_len < b_len ? a_len : b_len;
    int x, y;

    while (i < n && a[i] == b[i])
        i++;
    if (i == n)
        return a_len < b_len ? -1 : a_len > b_len;
    x = (unsigned char)a[i];
    y = (unsigned char)b[i];
    if (x >= 0xEE && y >= 0xEE) {
        x += x < 0xF0 ? 16 : 0;
        y += y < 0xF0 ? 16 : 0;
    }
    return x - y;
}

/* A map whose entries come from three places: pairs, bare keys (their value
   is {}), and up to two pairs of the library's, whose value may have a tail.
   Written by selection, so that nothing is sorted in memory. */
typedef struct ocitar_i_json_map {
    const ocitar_pair *pairs;
    size_t pair_count;
    const char *const *keys;
    size_t key_count;
    ocitar_pair own[2];
    size_t own_count;
    const char *tail; /* of own[0], or NULL */
} ocitar_i_json_map;

static const char *ocitar_i_json_map_key(const ocitar_i_json_map *m, size_t i,
                                         size_t *len)
{
    const ocitar_pair *p = NULL;
    const char *key;

    if (i < m->own_count)
        p = &m->own[i];
    else if (i - m->own_count < m->pair_count)
        p = &m->pairs[i - m->own_count];
    key = p != NULL ? p->key : m->keys[i - m->own_count - m->pair_count];
    *len = ocitar_i_bytes_length(key, p != NULL ? p->key_len : 0);
    return key == NULL ? "" : key;
}

/* The entry with the least key above `last`, or `count`; E_DUPLICATE if two
   have that key. */
static size_t ocitar_i_json_map_next(ocitar_i_json *j,
                                     const ocitar_i_json_map *m, size_t count,
                                     size_t last)
{
    size_t i, best = count, len, best_len = 0, last_len = 0;
    const char *key, *best_key = NULL, *last_key = NULL;
    int d;

    if (last < count)
        last_key = ocitar_i_json_map_key(m, last, &last_len);
    for (i = 0; i < count; i++) {
        key = ocitar_i_json_map_key(m, i, &len);
        if (last_key != NULL &&
            ocitar_i_json_compare(key, len, last_key, last_len) <= 0)
            continue;
        d = best_key == NULL
                ? -1
                : ocitar_i_json_compare(key, len, best_key, best_len);
        if (d == 0)
            ocitar_i_json_fail(j, OCITAR_E_DUPLICATE);
        if (d < 0) {
            best = i;
            best_key = key;
            best_len = len;
        }
    }
    return best;
}

static void ocitar_i_json_map_put(ocitar_i_json *j, const char *name,
                                  const ocitar_i_json_map *m)
{
    size_t count = m->own_count + m->pair_count + m->key_count, i, n, len;
    const char *key;
    const ocitar_pair *p;

    if (count == 0)
        return;
    if ((m->pair_count > 0 && m->pairs == NULL) ||
        (m->key_count > 0 && m->keys == NULL)) {
        ocitar_i_json_fail(j, OCITAR_E_ARG);
        return;
    }
    ocitar_i_json_key(j, name, 0);
    ocitar_i_json_open(j, "{");
    for (n = 0, i = count; n < count && j->error == OCITAR_OK; n++) {
        i = ocitar_i_json_map_next(j, m, count, i);
        if (i == count)
            break;
        key = ocitar_i_json_map_key(m, i, &len);
        ocitar_i_json_key(j, key, len);
        if (i >= m->own_count + m->pair_count) {
            ocitar_i_json_open(j, "{");
            ocitar_i_json_close(j, "}");
            continue;
        }
        p = i < m->own_count ? &m->own[i] : &m->pairs[i - m->own_count];
        ocitar_i_json_string2(j, p->value,
                              ocitar_i_bytes_length(p->value, p->value_len),
                              i == 0 ? m->tail : NULL,
                              i == 0 ? ocitar_i_bytes_length(m->tail, 0) : 0);
    }
    ocitar_i_json_close(j, "}");
}

static void ocitar_i_json_pairs(ocitar_i_json *j, const char *name,
                                const ocitar_pair *pairs, size_t count)
{
    ocitar_i_json_map m;

    OCITAR_MEMSET(&m, 0, sizeof m);
    m.pairs = pairs;
    m.pair_count = count;
    ocitar_i_json_map_put(j, name, &m);
}

static void ocitar_i_json_set(ocitar_i_json *j, const char *name,
                              const char *const *keys, size_t count)
{
    ocitar_i_json_map m;

    OCITAR_MEMSET(&m, 0, sizeof m);
    m.keys = keys;
    m.key_count = count;
    ocitar_i_json_map_put(j, name, &m);
}

static void ocitar_i_json_digest(ocitar_i_json *j, const char *key,
                                 const ocitar_digest *digest)
{
    char text[OCITAR_DIGEST_TEXT_MAX];

    ocitar_digest_format(digest, text);
    if (key != NULL)
        ocitar_i_json_field(j, key, text);
    else
        ocitar_i_json_string(j, text, 0);
}

/* `"key":"base64"` (RFC 4648, 4), left out if there is no data. */
static void ocitar_i_json_data(ocitar_i_json *j, const char *key,
                               const void *data, size_t len)
{
    static const char digits[] OCITAR_I_ROM =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    const uint8_t *p = (const uint8_t *)data;
    char text[4];
    uint32_t v;

    if (data == NULL)
        return;
    ocitar_i_json_key(j, key, 0);
    ocitar_i_json_put(j, "\"", 1);
    for (; len > 0; p += 3) {
        v = (uint32_t)p[0] << 16 | (len > 1 ? (uint32_t)p[1] << 8 : 0) |
            (len > 2 ? p[2] : 0);
        text[0] = OCITAR_I_ROM_CHAR(digits + (v >> 18));
        text[1] = OCITAR_I_ROM_CHAR(digits + (v >> 12 & 63));
        text[2] = OCITAR_I_ROM_CHAR(digits + (len > 1 ? v >> 6 & 63 : 64));
        text[3] = OCITAR_I_ROM_CHAR(digits + (len > 2 ? v & 63 : 64));
        ocitar_i_json_put(j, text, 4);
        len -= len < 3 ? len : 3;
    }
    ocitar_i_json_put(j, "\"", 1);
    j->comma = 1;
}

static void ocitar_i_json_pad(char *out, size_t width, uint32_t value)
{
    while (width > 0) {
        out[--width] = (char)('0' + (int)(value % 10));
        value /= 10;
    }
}

/* RFC 3339 in UTC, years 0000 to 9999. Days to a date by the Gregorian
   400-year cycle, with years that begin in March. */
static void ocitar_i_json_time(ocitar_i_json *j, const char *key,
                               const ocitar_time *t)
{
    uint32_t day, second, era, year, month, doy;
    uint64_t since;
    char text[32];
    size_t n = 19;

    if (!t->set)
        return;
    if (t->seconds < -62167219200 || t->seconds > 253402300799 ||
        t->nanoseconds > 999999999) {
        ocitar_i_json_fail(j, OCITAR_E_RANGE);
        return;
    }
    since = (uint64_t)(t->seconds + 62167219200); /* 0000-01-01 */
    day = (uint32_t)(since >> 7) / 675; /* a day is 128 * 675 seconds, */
    second = (uint32_t)since - day * 86400; /* so 32 bits will do */
    day += 146097 - 60; /* from 0000-03-01, plus a cycle */
    era = day / 146097;
    day %= 146097;
    year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    doy = day - (365 * year + year / 4 - year / 100);
    month = (5 * doy + 2) / 153;
    day = doy - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    year += era * 400 - 400 + (month <= 2);
    OCITAR_MEMCPY(text, "0000-00-00T00:00:00", n);
    ocitar_i_json_pad(text, 4, year);
    ocitar_i_json_pad(text + 5, 2, month);
    ocitar_i_json_pad(text + 8, 2, day);
    ocitar_i_json_pad(text + 11, 2, second / 3600);
    ocitar_i_json_pad(text + 14, 2, second / 60 % 60);
    ocitar_i_json_pad(text + 17, 2, second % 60);
    if (t->nanoseconds > 0) {
        text[n] = '.';
        ocitar_i_json_pad(text + n + 1, 9, t->nanoseconds);
        for (n += 10; text[n - 1] == '0'; n--)
            ;
    }
    text[n++] = 'Z';
    ocitar_i_json_key(j, key, 0);
    ocitar_i_json_string(j, text, n);
}

#endif /* OCITAR_I_IMAGES */

/* -- tokenizer: RFC 8259 as it passes, a byte at a time -- */

#if OCITAR_I_READS || OCITAR_I_IMAGES

enum { /* what the next byte belongs to */
    OCITAR_I_JSON_VALUE = 1, OCITAR_I_JSON_FIRST, /* or the end of an array */
    OCITAR_I_JSON_NAME, OCITAR_I_JSON_FIRST_NAME, /* or of an object */
    OCITAR_I_JSON_COLON, OCITAR_I_JSON_AFTER, OCITAR_I_JSON_TEXT,
    OCITAR_I_JSON_ESCAPE, OCITAR_I_JSON_UNICODE, OCITAR_I_JSON_LITERAL,
    /* numbers: after the sign, a leading 0, digits, '.', 'e' and its sign */
    OCITAR_I_JSON_MINUS, OCITAR_I_JSON_ZERO, OCITAR_I_JSON_DIGITS,
    OCITAR_I_JSON_POINT, OCITAR_I_JSON_FRACTION, OCITAR_I_JSON_E,
    OCITAR_I_JSON_E_SIGN, OCITAR_I_JSON_EXPONENT
};

static int ocitar_i_json_token(ocitar_json *j, int token)
{
    size_t used = j->used;

    j->used = 0;
    if (j->tokens == j->tokens_max && j->tokens_max > 0)
        return OCITAR_E_LIMIT;
    j->tokens += j->tokens < UINT32_MAX;
    return j->token_fn(j->user, token, j->buffer, used);
}

/* A byte of a string or number. */
static int ocitar_i_json_keep(ocitar_json *j, unsigned c)
{
    int e = j->used == j->capacity ? ocitar_i_json_token(j, OCITAR_JSON_PART)
                                   : (int)OCITAR_OK;

    j->buffer[j->used++] = (char)c;
    j->hash = (j->hash ^ c) * 0x100000001b3u; /* FNV-1a */
    return e;
}

/* Puts a number on the stack of names. */
static int ocitar_i_json_mark(ocitar_json *j, uint64_t value)
{
    if (j->seen_used >= j->seen_capacity) {
        j->unseen = 1;
        return 0;
    }
    j->seen[j->seen_used++] = value;
    return 1;
}

/* I-JSON: no object has a name twice. Above the last 0 of the stack are the
   names of the innermost object, as hashes of 64 bits. */
static int ocitar_i_json_name(ocitar_json *j)
{
    uint64_t hash = j->hash != 0 ? j->hash : 1;
    size_t i = j->seen_used;

    if (!(j->marked >> (j->depth - 1) & 1)) {
        j->unseen = 1;
        return OCITAR_OK;
    }
    while (i > 0 && j->seen[i - 1] != 0)
        if (j->seen[--i] == hash)
            return OCITAR_E_DUPLICATE;
    ocitar_i_json_mark(j, hash);
    return OCITAR_OK;
}

static int ocitar_i_json_down(ocitar_json *j, int object)
{
    uint64_t bit;

    if (j->depth == j->depth_max)
        return OCITAR_E_LIMIT;
    bit = (uint64_t)1 << j->depth;
    j->depth++;
    j->objects = object ? j->objects | bit : j->objects & ~bit;
    j->marked &= ~bit;
    if (object && ocitar_i_json_mark(j, 0))
        j->marked |= bit;
    j->state = object ? OCITAR_I_JSON_FIRST_NAME : OCITAR_I_JSON_FIRST;
    return ocitar_i_json_token(j, object ? OCITAR_JSON_OBJECT
                                         : OCITAR_JSON_ARRAY);
}

static int ocitar_i_json_up(ocitar_json *j, int object)
{
    if (j->depth == 0 || (int)(j->objects >> (j->depth - 1) & 1) != object)
        return OCITAR_E_FORMAT;
    j->depth--;
    if (j->marked >> j->depth & 1)
        while (j->seen[--j->seen_used] != 0)
            ;
    j->state = OCITAR_I_JSON_AFTER;
    return ocitar_i_json_token(j, object ? OCITAR_JSON_OBJECT_END
                                         : OCITAR_JSON_ARRAY_END);
}

static int ocitar_i_json_text_begin(ocitar_json *j, int key)
{
    j->state = OCITAR_I_JSON_TEXT;
    j->key = (uint8_t)key;
    j->hash = 0xcbf29ce484222325u;
    return OCITAR_OK;
}

static int ocitar_i_json_text_end(ocitar_json *j)
{
    int e = OCITAR_OK;

    if (j->high != 0)
        return OCITAR_E_UTF8;
    j->state = j->key ? OCITAR_I_JSON_COLON : OCITAR_I_JSON_AFTER;
    if (j->key)
        e = ocitar_i_json_name(j);
    return e != OCITAR_OK ? e
                          : ocitar_i_json_token(j, j->key
                                                       ? OCITAR_JSON_KEY
                                                       : OCITAR_JSON_STRING);
}

static int ocitar_i_json_value(ocitar_json *j, char c)
{
    switch (c) {
    case '{':
        return ocitar_i_json_down(j, 1);
    case '[':
        return ocitar_i_json_down(j, 0);
    case '"':
        return ocitar_i_json_text_begin(j, 0);
    case 't':
        j->literal = "rue", j->unit = OCITAR_JSON_TRUE;
        break;
    case 'f':
        j->literal = "alse", j->unit = OCITAR_JSON_FALSE;
        break;
    case 'n':
        j->literal = "ull", j->unit = OCITAR_JSON_NULL;
        break;
    default:
        if (c != '-' && (c < '0' || c > '9'))
            return OCITAR_E_FORMAT;
        j->state = c == '-'   ? OCITAR_I_JSON_MINUS
                   : c == '0' ? OCITAR_I_JSON_ZERO
                              : OCITAR_I_JSON_DIGITS;
        return ocitar_i_json_keep(j, (unsigned char)c);
    }
    j->state = OCITAR_I_JSON_LITERAL;
    return OCITAR_OK;
}

/* UTF-8 as RFC 3629 has it: which second bytes a first one allows. */
static int ocitar_i_json_lead(ocitar_json *j, unsigned c)
{
    if (c < 0xC2 || c > 0xF4)
        return OCITAR_E_UTF8;
    j->utf8_left = c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
    j->utf8_low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    j->utf8_high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    return ocitar_i_json_keep(j, c);
}

static int ocitar_i_json_text(ocitar_json *j, unsigned c)
{
    if (j->utf8_left > 0) {
        if (c < j->utf8_low || c > j->utf8_high)
            return OCITAR_E_UTF8;
        j->utf8_left--;
        j->utf8_low = 0x80;
        j->utf8_high = 0xBF;
        return ocitar_i_json_keep(j, c);
    }
    if (c == '\\') {
        j->state = OCITAR_I_JSON_ESCAPE;
        return OCITAR_OK;
    }
    if (c == '"')
        return ocitar_i_json_text_end(j);
    if (j->high != 0)
        return OCITAR_E_UTF8;
    if (c < 0x20)
        return OCITAR_E_FORMAT;
    return c < 0x80 ? ocitar_i_json_keep(j, c) : ocitar_i_json_lead(j, c);
}

/* A code point of an escape, as UTF-8. */
static int ocitar_i_json_point(ocitar_json *j, uint32_t u)
{
    int e = OCITAR_OK, more = u < 0x80 ? 0 : u < 0x800 ? 1 : u < 0x10000 ? 2
                                                                         : 3;

    if (more == 0)
        return ocitar_i_json_keep(j, u);
    e = ocitar_i_json_keep(
        j, (more == 1 ? 0xC0u : more == 2 ? 0xE0u : 0xF0u) | u >> 6 * more);
    while (e == OCITAR_OK && more-- > 0)
        e = ocitar_i_json_keep(j, 0x80 | (u >> 6 * more & 0x3F));
    return e;
}

/* Four hex digits are in: half of a surrogate pair, or a character. */
static int ocitar_i_json_unit(ocitar_json *j)
{
    uint32_t u = j->unit, high = j->high;

    j->state = OCITAR_I_JSON_TEXT;
    j->high = 0;
    if (high == 0 && u >= 0xD800 && u < 0xDC00) {
        j->high = u;
        return OCITAR_OK;
    }
    if ((high != 0) != (u >= 0xDC00 && u < 0xE000))
        return OCITAR_E_UTF8;
    if (high != 0)
        u = 0x10000 + ((high - 0xD800) << 10) + (u - 0xDC00);
    return ocitar_i_json_point(j, u);
}

static int ocitar_i_json_unescape(ocitar_json *j, unsigned c)
{
    static const char names[] OCITAR_I_ROM = "\"\"\\\\//b\bf\fn\nr\rt\t";
    unsigned i;

    if (c == 'u') {
        j->state = OCITAR_I_JSON_UNICODE;
        j->unit = 0;
        j->escape = 4;
        return OCITAR_OK;
    }
    if (j->high != 0)
        return OCITAR_E_UTF8;
    for (i = 0; i < sizeof names - 1; i += 2)
        if ((unsigned char)OCITAR_I_ROM_CHAR(names + i) == c) {
            j->state = OCITAR_I_JSON_TEXT;
            return ocitar_i_json_keep(
                j, (unsigned char)OCITAR_I_ROM_CHAR(names + i + 1));
        }
    return OCITAR_E_FORMAT;
}

static int ocitar_i_json_hex(ocitar_json *j, unsigned c)
{
    unsigned digit = c >= '0' && c <= '9'   ? c - '0'
                     : c >= 'a' && c <= 'f' ? c - 'a' + 10
                     : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                            : 16;

    if (digit > 15)
        return OCITAR_E_FORMAT;
    j->unit = j->unit << 4 | digit;
    return --j->escape == 0 ? ocitar_i_json_unit(j) : (int)OCITAR_OK;
}

/* The state of a number after one more character; 0: that ends it, or cannot
   be in it. */
static uint8_t ocitar_i_json_number_next(uint8_t state, unsigned c)
{
    int digit = c >= '0' && c <= '9';

    switch (state) {
    case OCITAR_I_JSON_MINUS:
        return c == '0' ? OCITAR_I_JSON_ZERO
               : digit  ? OCITAR_I_JSON_DIGITS
                        : 0;
    case OCITAR_I_JSON_ZERO:
    case OCITAR_I_JSON_DIGITS:
        if (digit && state == OCITAR_I_JSON_DIGITS)
            return state;
        return c == '.'               ? OCITAR_I_JSON_POINT
               : c == 'e' || c == 'E' ? OCITAR_I_JSON_E
                                      : 0;
    case OCITAR_I_JSON_POINT:
        return digit ? OCITAR_I_JSON_FRACTION : 0;
    case OCITAR_I_JSON_FRACTION:
        return digit                  ? state
               : c == 'e' || c == 'E' ? OCITAR_I_JSON_E
                                      : 0;
    case OCITAR_I_JSON_E:
        if (c == '+' || c == '-')
            return OCITAR_I_JSON_E_SIGN;
        return digit ? OCITAR_I_JSON_EXPONENT : 0;
    default:
        return digit ? OCITAR_I_JSON_EXPONENT : 0;
    }
}

static int ocitar_i_json_number_ended(uint8_t state)
{
    return state == OCITAR_I_JSON_ZERO || state == OCITAR_I_JSON_DIGITS ||
           state == OCITAR_I_JSON_FRACTION ||
           state == OCITAR_I_JSON_EXPONENT;
}

/* Between tokens. */
static int ocitar_i_json_between(ocitar_json *j, unsigned c)
{
    int object = j->depth > 0 && (j->objects >> (j->depth - 1) & 1);

    if (c == ' ' || c == '\n' || c == '\r' || c == '\t')
        return OCITAR_OK;
    switch (j->state) {
    case OCITAR_I_JSON_COLON:
        j->state = OCITAR_I_JSON_VALUE;
        return c == ':' ? (int)OCITAR_OK : (int)OCITAR_E_FORMAT;
    case OCITAR_I_JSON_AFTER:
        if (c == '}' || c == ']')
            return ocitar_i_json_up(j, c == '}');
        if (c != ',' || j->depth == 0)
            return OCITAR_E_FORMAT;
        j->state = object ? OCITAR_I_JSON_NAME : OCITAR_I_JSON_VALUE;
        return OCITAR_OK;
    case OCITAR_I_JSON_FIRST_NAME:
    case OCITAR_I_JSON_NAME:
        if (c == '}' && j->state == OCITAR_I_JSON_FIRST_NAME)
            return ocitar_i_json_up(j, 1);
        return c == '"' ? ocitar_i_json_text_begin(j, 1)
                        : (int)OCITAR_E_FORMAT;
    case OCITAR_I_JSON_FIRST:
        if (c == ']')
            return ocitar_i_json_up(j, 0);
        return ocitar_i_json_value(j, (char)c);
    default:
        return ocitar_i_json_value(j, (char)c);
    }
}

static int ocitar_i_json_byte(ocitar_json *j, unsigned c)
{
    uint8_t next;
    int e;

    switch (j->state) {
    case OCITAR_I_JSON_TEXT:
        return ocitar_i_json_text(j, c);
    case OCITAR_I_JSON_ESCAPE:
        return ocitar_i_json_unescape(j, c);
    case OCITAR_I_JSON_UNICODE:
        return ocitar_i_json_hex(j, c);
    case OCITAR_I_JSON_LITERAL:
        if ((unsigned char)*j->literal != c)
            return OCITAR_E_FORMAT;
        if (*++j->literal != 0)
            return OCITAR_OK;
        j->state = OCITAR_I_JSON_AFTER;
        return ocitar_i_json_token(j, (int)j->unit);
    default:
        break;
    }
    if (j->state < OCITAR_I_JSON_MINUS)
        return ocitar_i_json_between(j, c);
    next = ocitar_i_json_number_next(j->state, c);
    if (next != 0) {
        j->state = next;
        return ocitar_i_json_keep(j, c);
    }
    if (!ocitar_i_json_number_ended(j->state))
        return OCITAR_E_FORMAT;
    j->state = OCITAR_I_JSON_AFTER;
    e = ocitar_i_json_token(j, OCITAR_JSON_NUMBER);
    return e != OCITAR_OK ? e : ocitar_i_json_between(j, c);
}

OCITAR_API int ocitar_json_begin(ocitar_json *json)
{
    if (json == NULL)
        return OCITAR_E_ARG;
    json->error = OCITAR_E_ARG;
    if (json->token_fn == NULL || json->buffer == NULL ||
        json->capacity < 16 || json->capacity > UINT32_MAX ||
        json->seen_capacity > UINT32_MAX ||
        json->depth_max > OCITAR_JSON_DEPTH_MAX ||
        (json->seen == NULL && json->seen_capacity > 0))
        return OCITAR_E_ARG;
    if (json->depth_max == 0)
        json->depth_max = OCITAR_JSON_DEPTH_MAX;
    json->state = OCITAR_I_JSON_VALUE;
    json->utf8_left = 0;
    json->depth = 0;
    json->used = 0;
    json->seen_used = 0;
    json->unseen = json->seen == NULL;
    json->high = 0;
    json->tokens = 0;
    json->copying = 0;
    json->error = OCITAR_OK;
    return OCITAR_OK;
}

OCITAR_API int ocitar_json_push(ocitar_json *json, const void *data,
                                size_t len)
{
    const uint8_t *p = (const uint8_t *)data;

    if (json == NULL || (data == NULL && len > 0))
        return OCITAR_E_ARG;
    for (; len > 0 && json->error == OCITAR_OK; len--, p++) {
        if (json->copying && json->copied < json->copy_size)
            json->copy[json->copied] = (char)*p;
        json->copied += json->copied < UINT32_MAX ? json->copying : 0;
        json->error = ocitar_i_json_byte(json, *p);
    }
    return json->error;
}

OCITAR_API int ocitar_json_end(ocitar_json *json)
{
    if (json == NULL)
        return OCITAR_E_ARG;
    if (json->error == OCITAR_OK && ocitar_i_json_number_ended(json->state) &&
        json->depth == 0) /* a number at the root has no end else */
        json->error = ocitar_i_json_byte(json, ' ');
    if (json->error == OCITAR_OK &&
        (json->state != OCITAR_I_JSON_AFTER || json->depth > 0))
        json->error = OCITAR_E_FORMAT;
    return json->error;
}

#endif /* OCITAR_I_READS || OCITAR_I_IMAGES */

/* ==== names =============================================================
   What names of things may be, for those who write them and those who check
   them: paths, whiteouts, media types, ports. Calls digest, bytes. */

/* Does the name stay below the root? Empty, absolute or with a ".."
   component it does not; whoever unpacks it would be led astray. */
static int ocitar_i_name_ok(const char *name, size_t len)
{
    size_t i, start = 0;

    if (len == 0 || name[0] == '/')
        return 0;
    for (i = 0; i <= len; i++) {
        if (i < len && name[i] != '/')
            continue;
        if (i - start == 2 && name[start] == '.' && name[start + 1] == '.')
            return 0;
        start = i + 1;
    }
    return 1;
}

#if OCITAR_I_READS || OCITAR_I_IMAGES

/* The key of a path: the digest of its parts without "." and "//", so that
   "./a//b/" and "a/b" are one. */
static void ocitar_i_name_parts(ocitar_digester *d, const char *name,
                                size_t len)
{
    size_t at = 0, start;

    while (at < len) {
        for (start = at; at < len && name[at] != '/'; at++)
            ;
        if (at > start && !(at - start == 1 && name[start] == '.')) {
            ocitar_digester_update(d, "/", 1);
            ocitar_digester_update(d, name + start, at - start);
        }
        at++;
    }
}

static OCITAR_I_APART void ocitar_i_name_key(const char *name, size_t len,
                                             uint8_t kernel,
                                             ocitar_digest *out)
{
    ocitar_digester d;

    ocitar_i_digester_begin(&d, OCITAR_SHA256, NULL, kernel);
    ocitar_i_name_parts(&d, name, len);
    ocitar_digester_end(&d, out);
}

/* Where the last part of a name begins, and in *len where it ends: without
   what a reader cleans away, "/" and "/.". */
static size_t ocitar_i_name_last(const char *name, size_t *len)
{
    size_t n = *len, start;

    while (n > 0 && (name[n - 1] == '/' ||
                     (name[n - 1] == '.' && (n == 1 || name[n - 2] == '/'))))
        n--;
    for (start = n; start > 0 && name[start - 1] != '/'; start--)
        ;
    *len = n;
    return start;
}

/* Does a part before the last one? Such a directory cannot be. */
static int ocitar_i_name_in_whiteout(const char *name, size_t len)
{
    size_t end = ocitar_i_name_last(name, &len), at;

    for (at = 0; at + 4 < end; at++)
        if ((at == 0 || name[at - 1] == '/') &&
            OCITAR_MEMCMP(name + at, ".wh.", 4) == 0)
            return 1;
    return 0;
}

/* Does the last part of the name begin with ".wh."? */
static int ocitar_i_name_is_whiteout(const char *name, size_t len)
{
    size_t start = ocitar_i_name_last(name, &len);

    return len - start >= 4 && OCITAR_MEMCMP(name + start, ".wh.", 4) == 0;
}

static int ocitar_i_name_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* RFC 6838, 4.2: two names of up to 127 characters. */
static int ocitar_i_name_media_type_ok(const char *s, size_t len)
{
    size_t i, start = 0;
    int slashes = 0;

    len = ocitar_i_bytes_length(s, len);
    for (i = 0; i <= len; i++) {
        if (i == len || s[i] == '/') {
            if (i == start || i - start > 127)
                return 0;
            start = i + 1;
            slashes += i < len;
        } else if (!ocitar_i_name_alnum(s[i]) &&
                   !(s[i] >= 'A' && s[i] <= 'Z') &&
                   (i == start || !ocitar_i_bytes_has("!#$&^_.+-", 9, s[i]))) {
            return 0;
        }
    }
    return slashes == 1;
}

/* "80", "53/udp": the spec's keys of ExposedPorts; sctp is docker's. */
static int ocitar_i_name_port_ok(const char *s)
{
    uint32_t n = 0;

    if (s == NULL || *s < '0' || *s > '9')
        return 0;
    for (; *s >= '0' && *s <= '9' && n <= 65535; s++)
        n = n * 10 + (uint32_t)(*s - '0');
    return n > 0 && n <= 65535 &&
           (*s == 0 || ocitar_i_bytes_equal(s, ocitar_i_bytes_length(s, 0),
                                            "/tcp", 4) ||
            ocitar_i_bytes_equal(s, ocitar_i_bytes_length(s, 0), "/udp", 4) ||
            ocitar_i_bytes_equal(s, ocitar_i_bytes_length(s, 0), "/sctp", 5));
}

#define OCITAR_I_TYPE_OCI "application/vnd.oci.image."
#define OCITAR_I_TYPE_DOCKER "application/vnd.docker."
#define OCITAR_I_TYPE_MANIFEST OCITAR_I_TYPE_OCI "manifest.v1+json"
#define OCITAR_I_TYPE_INDEX OCITAR_I_TYPE_OCI "index.v1+json"
#define OCITAR_I_TYPE_CONFIG OCITAR_I_TYPE_OCI "config.v1+json"
#define OCITAR_I_TYPE_LAYER OCITAR_I_TYPE_OCI "layer.v1.tar"
#define OCITAR_I_TYPE_EMPTY "application/vnd.oci.empty.v1+json"

/* Pairs of OCI's name and docker's. One array and not pointers to strings,
   which linkers keep for programs that do not ask. */
static const char ocitar_i_media_types[] =
    OCITAR_I_TYPE_MANIFEST "\0"
    OCITAR_I_TYPE_DOCKER "distribution.manifest.v2+json\0"
    OCITAR_I_TYPE_INDEX "\0"
    OCITAR_I_TYPE_DOCKER "distribution.manifest.list.v2+json\0"
    OCITAR_I_TYPE_CONFIG "\0"
    OCITAR_I_TYPE_DOCKER "container.image.v1+json\0"
    OCITAR_I_TYPE_LAYER "\0"
    OCITAR_I_TYPE_DOCKER "image.rootfs.diff.tar\0"
    OCITAR_I_TYPE_LAYER "+gzip\0"
    OCITAR_I_TYPE_DOCKER "image.rootfs.diff.tar.gzip\0"
    OCITAR_I_TYPE_LAYER "+zstd\0"
    OCITAR_I_TYPE_DOCKER "image.rootfs.diff.tar.zstd\0"
    OCITAR_I_TYPE_OCI "layer.nondistributable.v1.tar\0"
    OCITAR_I_TYPE_DOCKER "image.rootfs.foreign.diff.tar\0"
    OCITAR_I_TYPE_OCI "layer.nondistributable.v1.tar+gzip\0"
    OCITAR_I_TYPE_DOCKER "image.rootfs.foreign.diff.tar.gzip\0";

/* A type's other name: docker's if `to` is 1, else OCI's. */
static const char *ocitar_i_media_type(const char *type, int to)
{
    size_t len = ocitar_i_bytes_length(type, 0), from_len;
    const char *oci = ocitar_i_media_types, *docker, *from;

    for (; *oci != 0; oci = docker + ocitar_i_bytes_length(docker, 0) + 1) {
        docker = oci + ocitar_i_bytes_length(oci, 0) + 1;
        from = to ? oci : docker;
        from_len = ocitar_i_bytes_length(from, 0);
        if (ocitar_i_bytes_equal(type, len, from, from_len))
            return to ? docker : oci;
    }
    return type;
}

OCITAR_API const char *ocitar_media_type_docker(const char *type)
{
    return ocitar_i_media_type(type, 1);
}

OCITAR_API const char *ocitar_media_type_oci(const char *type)
{
    return ocitar_i_media_type(type, 0);
}

#endif /* OCITAR_I_READS || OCITAR_I_IMAGES */

/* ==== stream ============================================================
   The user's sink and source. Calls nobody but them; returns their code. */

#if OCITAR_I_WRITES

static int ocitar_i_sink_dry(const ocitar_sink *sink)
{
    return sink->put_fn == NULL;
}

/* Can bytes that went out be changed and taken back? */
static int ocitar_i_sink_patchable(const ocitar_sink *sink)
{
    return ocitar_i_sink_dry(sink) || sink->put_at_fn != NULL;
}

static int ocitar_i_sink_put(const ocitar_sink *sink, const void *data,
                             size_t len)
{
    return ocitar_i_sink_dry(sink) ? 0 : sink->put_fn(sink->user, data, len);
}

static int ocitar_i_sink_put_at(const ocitar_sink *sink, uint64_t offset,
                                const void *data, size_t len)
{
    if (ocitar_i_sink_dry(sink))
        return 0;
    return sink->put_at_fn(sink->user, offset, data, len);
}

/* Bytes out of the source's file, as many as the sink takes that way. */
static uint64_t ocitar_i_sink_move(const ocitar_sink *sink,
                                   const ocitar_source *source, uint64_t len)
{
    uint64_t n;

    if (ocitar_i_sink_dry(sink))
        return 0;
    n = sink->move_fn(sink->user, source->file, 0, len);
    return n < len ? n : len;
}

static int ocitar_i_sink_truncate(const ocitar_sink *sink, uint64_t offset)
{
    if (ocitar_i_sink_dry(sink))
        return 0;
    return sink->truncate_fn(sink->user, offset);
}

#endif /* OCITAR_I_WRITES */

/* ==== archive ===========================================================
   Entries on a sink, through the caller's buffer. Calls tar, stream, errors,
   bytes. */

#if OCITAR_I_WRITES

enum { /* the open entry */
    OCITAR_I_ENTRY_NONE,
    OCITAR_I_ENTRY_SELF, /* complete with its last byte */
    OCITAR_I_ENTRY_HELD, /* a driver's: complete when the driver says so */
    OCITAR_I_ENTRY_PATCH /* likewise, and its head is still to come */
};

static uint64_t ocitar_i_archive_offset(const ocitar_archive *a)
{
    return a->flushed + a->used;
}

/* Bytes that the buffer takes before it must be flushed, so that output
   leaves in aligned pieces. */
static size_t ocitar_i_archive_room(const ocitar_archive *a)
{
    size_t capacity = (size_t)1 << a->shift;

    return capacity - (size_t)(a->flushed & (capacity - 1));
}

static int ocitar_i_archive_put(ocitar_archive *a, const void *data,
                                size_t len)
{
    int code = ocitar_i_sink_put(&a->sink, data, len);

    if (code != 0)
        return ocitar_i_root_poison(&a->root, OCITAR_E_SINK, code, "put");
    a->flushed += len;
    return OCITAR_OK;
}

static int ocitar_i_archive_drain(ocitar_archive *a)
{
    size_t used = a->used;

    if (used == 0)
        return OCITAR_OK;
    a->used = 0;
    return ocitar_i_archive_put(a, a->buffer, used);
}

/* Buffers bytes, or passes whole pieces through. `data` may be the buffer's
   own free part. */
static int ocitar_i_archive_emit(ocitar_archive *a, const void *data,
                                 size_t len)
{
    const uint8_t *p = (const uint8_t *)data;
    int e = OCITAR_OK;

    while (len > 0 && e == OCITAR_OK) {
        size_t room = ocitar_i_archive_room(a), n;

        if (a->used == 0 && len >= room && p != a->buffer) {
            n = room + ((len - room) >> a->shift << a->shift);
            e = ocitar_i_archive_put(a, p, n);
        } else {
            n = room - a->used < len ? room - a->used : len;
            if (p != a->buffer + a->used)
                OCITAR_MEMCPY(a->buffer + a->used, p, n);
            a->used += (uint32_t)n;
            if (a->used == room)
                e = ocitar_i_archive_drain(a);
        }
        p += n;
        len -= n;
    }
    return e;
}

/* Made in the buffer's free part. */
static int ocitar_i_archive_zeros(ocitar_archive *a, size_t len)
{
    int e = OCITAR_OK;

    while (len > 0 && e == OCITAR_OK) {
        size_t n = ocitar_i_archive_room(a) - a->used;

        if (n > len)
            n = len;
        OCITAR_MEMSET(a->buffer + a->used, 0, n);
        e = ocitar_i_archive_emit(a, a->buffer + a->used, n);
        len -= n;
    }
    return e;
}

/* Every entry starts at a multiple of 512, so the offset tells the padding. */
static int ocitar_i_archive_pad(ocitar_archive *a)
{
    size_t over = (size_t)(ocitar_i_archive_offset(a) & 511);

    return ocitar_i_archive_zeros(a, over == 0 ? 0 : 512 - over);
}

/* The hook works on a copy, of which it may change the metadata only. */
static int ocitar_i_archive_hook(ocitar_archive *a, ocitar_entry *copy,
                                 const ocitar_entry *entry)
{
    int code;

    *copy = *entry;
    if (a->hook_fn == NULL)
        return OCITAR_OK;
    code = a->hook_fn(a->hook_user, copy);
    a->root.user_code = code;
    if (code != 0 || copy->size != entry->size ||
        copy->typeflag != entry->typeflag ||
        !ocitar_i_bytes_equal(
            copy->name, ocitar_i_bytes_length(copy->name, copy->name_len),
            entry->name, ocitar_i_bytes_length(entry->name, entry->name_len)))
        return OCITAR_E_HOOK;
    return OCITAR_OK;
}

/* Opens an entry of the given kind. Nothing is written if it is refused. An
   entry starts at a multiple of 512 and the buffer is flushed when it is full,
   so a block always fits in its free part and is encoded right there. */
static int ocitar_i_archive_open(ocitar_archive *a, const ocitar_entry *entry,
                                 int kind)
{
    ocitar_encoder enc;
    ocitar_entry copy;
    int e = OCITAR_OK;

    if (a->entry != OCITAR_I_ENTRY_NONE)
        return OCITAR_E_BUSY;
    a->root.user_code = 0;
    if (kind == OCITAR_I_ENTRY_PATCH)
        copy = *entry, copy.size = 0;
    else
        e = ocitar_i_archive_hook(a, &copy, entry);
    if (e == OCITAR_OK)
        e = ocitar_encoder_begin(&enc, &copy);
    if (e != OCITAR_OK)
        return e;
    a->entry_start = ocitar_i_archive_offset(a);
    a->head = (uint16_t)(ocitar_encoder_size(&enc) / 512);
    a->left = ocitar_i_tar_has_body(enc.typeflag) ? (uint64_t)copy.size
                                                      : 0;
    a->entry = (uint8_t)kind;
    while (e == OCITAR_OK && ocitar_encoder_next(&enc, a->buffer + a->used))
        e = ocitar_i_archive_emit(a, a->buffer + a->used, 512);
    if (kind == OCITAR_I_ENTRY_SELF && a->left == 0)
        a->entry = OCITAR_I_ENTRY_NONE;
    return e;
}

static int ocitar_i_archive_body(ocitar_archive *a, const void *data,
                                 size_t len)
{
    int e;

    if (a->entry != OCITAR_I_ENTRY_PATCH && len > a->left)
        return OCITAR_E_SIZE;
    e = ocitar_i_archive_emit(a, data, len);
    if (e != OCITAR_OK || a->entry == OCITAR_I_ENTRY_PATCH || len == 0)
        return e;
    a->left -= len;
    if (a->left > 0)
        return OCITAR_OK;
    if (a->entry == OCITAR_I_ENTRY_SELF)
        a->entry = OCITAR_I_ENTRY_NONE;
    return ocitar_i_archive_pad(a);
}

/* Less is not worth a flush of the buffer before it. */
#define OCITAR_I_MOVE_MIN 262144 /* no enumerator where an int has 16 bits */

/* The open entry's body, or its beginning, past the buffer; *moved is 0 if the
   sink does not do that. */
static int ocitar_i_archive_move(ocitar_archive *a,
                                 const ocitar_source *source, uint64_t *moved)
{
    int e;

    *moved = 0;
    if (a->left < OCITAR_I_MOVE_MIN || a->sink.move_fn == NULL ||
        source->file == NULL || source->same_fn == NULL)
        return OCITAR_OK;
    e = ocitar_i_archive_drain(a);
    if (e != OCITAR_OK)
        return e;
    *moved = ocitar_i_sink_move(&a->sink, source, a->left);
    a->flushed += *moved;
    a->left -= *moved;
    return a->left > 0 ? (int)OCITAR_OK : ocitar_i_archive_pad(a);
}

/* Takes the open entry back, if its bytes can still be had. */
static int ocitar_i_archive_rollback(ocitar_archive *a)
{
    int code, entry = a->entry;

    a->entry = OCITAR_I_ENTRY_NONE;
    if (a->root.poisoned)
        return a->root.error.code;
    if (entry == OCITAR_I_ENTRY_NONE)
        return OCITAR_OK;
    if (a->entry_start >= a->flushed) {
        a->used = (uint32_t)(a->entry_start - a->flushed);
        return OCITAR_OK;
    }
    if (!ocitar_i_sink_patchable(&a->sink))
        return OCITAR_E_STATE;
    a->used = 0;
    code = ocitar_i_sink_truncate(&a->sink, a->entry_start);
    if (code != 0)
        return ocitar_i_root_poison(&a->root, OCITAR_E_SINK, code, "truncate");
    a->flushed = a->entry_start;
    return OCITAR_OK;
}

/* Writes the true head over the placeholder. A block is either in the buffer
   or with the sink, never split: both begin at multiples of 512. */
static int ocitar_i_archive_patch(ocitar_archive *a, const ocitar_entry *entry)
{
    ocitar_encoder enc;
    ocitar_entry copy;
    uint8_t *block = a->buffer + a->used; /* free, see above */
    uint64_t at = a->entry_start;
    int e = ocitar_i_archive_hook(a, &copy, entry), code = 0;

    if (e == OCITAR_OK)
        e = ocitar_encoder_begin(&enc, &copy);
    if (e == OCITAR_OK && ocitar_encoder_size(&enc) / 512 != a->head)
        e = OCITAR_E_RANGE; /* 8 GiB or more, or the hook needs pax */
    if (e != OCITAR_OK)
        return e;
    for (; code == 0 && ocitar_encoder_next(&enc, block); at += 512) {
        if (at >= a->flushed)
            OCITAR_MEMCPY(a->buffer + (size_t)(at - a->flushed), block, 512);
        else
            code = ocitar_i_sink_put_at(&a->sink, at, block, 512);
    }
    if (code != 0)
        return ocitar_i_root_poison(&a->root, OCITAR_E_SINK, code, "put_at");
    return OCITAR_OK;
}

OCITAR_API int ocitar_archive_begin(ocitar_archive *archive,
                                    const ocitar_archive_desc *desc)
{
    if (archive == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(archive, 0, sizeof *archive);
    ocitar_root_begin(&archive->root);
    if (desc == NULL || desc->buffer == NULL || desc->buffer_size < 512)
        return ocitar_i_root_poison(&archive->root, OCITAR_E_ARG, 0,
                                    "archive begin: buffer");
    if ((desc->sink.put_at_fn == NULL) != (desc->sink.truncate_fn == NULL))
        return ocitar_i_root_poison(&archive->root, OCITAR_E_ARG, 0,
                                    "archive begin: sink");
    archive->sink = desc->sink;
    archive->hook_fn = desc->hook_fn;
    archive->hook_user = desc->hook_user;
    archive->buffer = (uint8_t *)desc->buffer;
    archive->shift = 9;
    while (archive->shift < 30 && desc->buffer_size >> archive->shift > 1)
        archive->shift++;
    return OCITAR_OK;
}

OCITAR_API int ocitar_archive_header(ocitar_archive *archive,
                                     const ocitar_entry *entry)
{
    int e;

    if (archive == NULL || entry == NULL)
        return OCITAR_E_ARG;
    e = ocitar_i_node_check(&archive->root.node);
    if (e != OCITAR_OK)
        return e;
    e = ocitar_i_archive_open(archive, entry, OCITAR_I_ENTRY_SELF);
    if (e != OCITAR_OK && e != OCITAR_E_BUSY)
        return ocitar_i_node_fail(&archive->root.node, e,
                                  archive->root.user_code, "archive entry");
    return e;
}

OCITAR_API int ocitar_archive_write(ocitar_archive *archive, const void *data,
                                    size_t len)
{
    int e;

    if (archive == NULL || (data == NULL && len > 0))
        return OCITAR_E_ARG;
    e = ocitar_i_node_check(&archive->root.node);
    if (e != OCITAR_OK)
        return e;
    if (archive->entry > OCITAR_I_ENTRY_SELF)
        return OCITAR_E_BUSY;
    if (archive->entry == OCITAR_I_ENTRY_NONE && len > 0)
        return ocitar_i_node_differ(&archive->root.node, OCITAR_E_SIZE,
                                    "bytes beyond the entry", 0, len);
    if (len > archive->left)
        return ocitar_i_node_differ(&archive->root.node, OCITAR_E_SIZE,
                                    "bytes beyond the entry", archive->left,
                                    len);
    return ocitar_i_archive_body(archive, data, len);
}

OCITAR_API int ocitar_archive_flush(ocitar_archive *archive)
{
    int e;

    if (archive == NULL)
        return OCITAR_E_ARG;
    e = ocitar_i_node_check(&archive->root.node);
    return e != OCITAR_OK ? e : ocitar_i_archive_drain(archive);
}

OCITAR_API int ocitar_archive_abandon(ocitar_archive *archive)
{
    ocitar_root *root;
    int e = OCITAR_OK;

    if (archive == NULL)
        return OCITAR_E_ARG;
    root = &archive->root;
    if (root->node.state != OCITAR_I_OPEN)
        return OCITAR_E_STATE;
    if (root->poisoned)
        return root->error.code;
    if (archive->entry > OCITAR_I_ENTRY_SELF)
        return OCITAR_E_BUSY;
    if (archive->entry == OCITAR_I_ENTRY_SELF)
        e = ocitar_i_archive_rollback(archive);
    if (e != OCITAR_OK)
        return ocitar_i_root_poison(root, e, 0,
                                    "an entry was torn after it went out");
    root->node.error = 0;
    if (root->node.failed == 0)
        ocitar_i_root_record(root, 0, 0, NULL);
    return OCITAR_OK;
}

OCITAR_API int ocitar_archive_finish(ocitar_archive *archive)
{
    int e;

    if (archive == NULL)
        return OCITAR_E_ARG;
    if (archive->root.finished)
        return OCITAR_OK;
    e = ocitar_i_root_check(&archive->root);
    if (e != OCITAR_OK)
        return e;
    if (archive->entry != OCITAR_I_ENTRY_NONE) {
        ocitar_i_root_record(&archive->root, OCITAR_E_STATE, 0,
                             "an entry is not complete");
        return OCITAR_E_STATE;
    }
    e = ocitar_i_archive_zeros(archive, 1024);
    if (e == OCITAR_OK)
        e = ocitar_i_archive_drain(archive);
    return e == OCITAR_OK ? ocitar_root_finish(&archive->root) : e;
}

OCITAR_API uint64_t ocitar_archive_size(const ocitar_archive *archive)
{
    return archive == NULL ? 0 : ocitar_i_archive_offset(archive);
}

OCITAR_API const ocitar_error *
ocitar_archive_error(const ocitar_archive *archive)
{
    static const ocitar_error none = { OCITAR_E_ARG, 0, "no archive", 0, 0,
                                       { 0, { 0 } }, { 0, { 0 } } };

    return archive == NULL ? &none : &archive->root.error;
}

#endif /* OCITAR_I_WRITES */

/* -- reader -- */

#if OCITAR_I_READS

OCITAR_API int ocitar_reader_begin(ocitar_reader *reader,
                                   const ocitar_reader_desc *desc)
{
    if (reader == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(reader, 0, sizeof *reader);
    reader->error = OCITAR_E_ARG;
    if (desc == NULL || desc->entry_fn == NULL)
        return OCITAR_E_ARG;
    reader->entry_fn = desc->entry_fn;
    reader->data_fn = desc->data_fn;
    reader->done_fn = desc->done_fn;
    reader->user = desc->user;
    reader->max_entries = desc->max_entries > 0 ? desc->max_entries : 1000000;
    reader->max_bytes = desc->max_bytes > 0 ? desc->max_bytes : INT64_MAX;
    reader->error = ocitar_decoder_begin(&reader->decoder, desc->buffer,
                                         desc->buffer_size);
    return reader->error;
}

/* What a function of the user returned. */
static int ocitar_i_reader_told(ocitar_reader *r, int code)
{
    r->user_code = code;
    return code == 0 ? (int)OCITAR_OK : (int)OCITAR_E_HOOK;
}

static int ocitar_i_reader_done(ocitar_reader *r)
{
    r->open = 0;
    return r->done_fn == NULL
               ? (int)OCITAR_OK
               : ocitar_i_reader_told(r, r->done_fn(r->user));
}

/* A block of a head. */
static int ocitar_i_reader_block(ocitar_reader *r, const uint8_t *block)
{
    const ocitar_entry *entry = &r->decoder.entry;
    int e = ocitar_decoder_next(&r->decoder, block);

    r->ended = e == OCITAR_BLOCK_END;
    if (e != OCITAR_BLOCK_ENTRY)
        return e < 0 ? e : (int)OCITAR_OK;
    if (r->entries == r->max_entries)
        return OCITAR_E_LIMIT;
    r->entries++;
    r->open = 1;
    r->left = (uint64_t)entry->size;
    r->skip = (uint16_t)((512 - (r->left & 511)) & 511);
    e = ocitar_i_reader_told(r, r->entry_fn(r->user, entry));
    return e == OCITAR_OK && r->left == 0 ? ocitar_i_reader_done(r) : e;
}

/* As much of a body, or of the padding behind it, as is at hand. */
static int ocitar_i_reader_body(ocitar_reader *r, const uint8_t *p, size_t len,
                                size_t *used)
{
    int e = OCITAR_OK;

    if (r->left == 0) {
        *used = len < r->skip ? len : r->skip;
        r->skip = (uint16_t)(r->skip - *used);
        return OCITAR_OK;
    }
    *used = len < r->left ? len : (size_t)r->left;
    r->left -= *used;
    if (r->data_fn != NULL)
        e = ocitar_i_reader_told(r, r->data_fn(r->user, p, *used));
    return e == OCITAR_OK && r->left == 0 ? ocitar_i_reader_done(r) : e;
}

/* A block of a head, from where it is or from what was held of it. */
static int ocitar_i_reader_head(ocitar_reader *r, const uint8_t *p, size_t len,
                                size_t *used)
{
    if (r->held == 0 && r->decoder.metas == 0 &&
        r->decoder.phase == OCITAR_I_DECODE_HEAD)
        r->start = r->offset;
    if (r->held == 0 && len >= 512) {
        *used = 512;
        r->body = r->offset + *used;
        return ocitar_i_reader_block(r, p);
    }
    *used = len < 512u - r->held ? len : 512u - r->held;
    r->body = r->offset + *used;
    OCITAR_MEMCPY(r->block + r->held, p, *used);
    r->held = (uint16_t)(r->held + *used);
    if (r->held < 512)
        return OCITAR_OK;
    r->held = 0;
    return ocitar_i_reader_block(r, r->block);
}

OCITAR_API int ocitar_reader_push(ocitar_reader *reader, const void *data,
                                  size_t len)
{
    const uint8_t *p = (const uint8_t *)data;
    size_t used = 0;

    if (reader == NULL || (data == NULL && len > 0))
        return OCITAR_E_ARG;
    while (len > 0 && reader->error == OCITAR_OK && !reader->ended) {
        reader->error =
            reader->left > 0 || reader->skip > 0
                ? ocitar_i_reader_body(reader, p, len, &used)
                : ocitar_i_reader_head(reader, p, len, &used);
        reader->offset += used;
        p += used;
        len -= used;
        if (reader->offset > reader->max_bytes &&
            reader->error == OCITAR_OK)
            reader->error = OCITAR_E_LIMIT;
    }
    return reader->error;
}

OCITAR_API int ocitar_reader_end(ocitar_reader *reader)
{
    if (reader == NULL)
        return OCITAR_E_ARG;
    if (reader->error == OCITAR_OK && !reader->ended)
        reader->error = OCITAR_E_SIZE;
    return reader->error;
}

#endif /* OCITAR_I_READS */

/* ==== spool =============================================================
   Where bytes wait: memory, then a store. Calls the user's allocator and
   store. */

#if OCITAR_I_WRITES

OCITAR_API int ocitar_spool_begin(ocitar_spool *spool,
                                  const ocitar_spool_desc *desc)
{
    if (spool == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(spool, 0, sizeof *spool);
    if (desc == NULL ||
        (desc->buffer == NULL) != (desc->buffer_size == 0) ||
        (desc->buffer == NULL && desc->allocator == NULL &&
         desc->store == NULL))
        return OCITAR_E_ARG;
    spool->desc = *desc;
    spool->memory = (uint8_t *)desc->buffer;
    spool->capacity = desc->buffer_size;
    return OCITAR_OK;
}

OCITAR_API int ocitar_spool_begin_buffer(ocitar_spool *spool, void *buffer,
                                         size_t size)
{
    ocitar_spool_desc desc;

    OCITAR_MEMSET(&desc, 0, sizeof desc);
    desc.buffer = buffer;
    desc.buffer_size = size;
    return ocitar_spool_begin(spool, &desc);
}

OCITAR_API void ocitar_spool_end(ocitar_spool *spool)
{
    const ocitar_allocator *heap;

    if (spool == NULL)
        return;
    heap = spool->desc.allocator;
    if (spool->desc.buffer == NULL && heap != NULL && spool->memory != NULL)
        heap->resize_fn(heap->user, spool->memory, spool->capacity, 0);
    OCITAR_MEMSET(spool, 0, sizeof *spool);
}

/* Doubles memory until `want` bytes fit, up to the limit. */
static int ocitar_i_spool_grow(ocitar_spool *s, size_t want)
{
    const ocitar_allocator *heap = s->desc.allocator;
    size_t limit = s->desc.memory_limit > 0 ? s->desc.memory_limit : SIZE_MAX;
    size_t size = s->capacity < 2048 ? 2048 : s->capacity;
    void *memory;

    if (heap == NULL || s->desc.buffer != NULL || s->capacity >= limit)
        return OCITAR_OK;
    while (size < want && size <= SIZE_MAX / 2)
        size *= 2;
    if (size < want)
        size = want;
    if (size > limit)
        size = limit;
    memory = heap->resize_fn(heap->user, s->memory, s->capacity, size);
    if (memory == NULL)
        return OCITAR_E_MEMORY;
    s->memory = (uint8_t *)memory;
    s->capacity = size;
    return OCITAR_OK;
}

static int ocitar_i_spool_append(ocitar_spool *s, const void *data, size_t len,
                                 int *user_code)
{
    const uint8_t *p = (const uint8_t *)data;
    size_t n;

    *user_code = 0;
    if (len == 0)
        return OCITAR_OK;
    if (s->total == s->used) { /* nothing is in the store yet */
        int e = len > s->capacity - s->used && len <= SIZE_MAX - s->used
                    ? ocitar_i_spool_grow(s, s->used + len)
                    : OCITAR_OK;

        if (e != OCITAR_OK && s->desc.store == NULL)
            return e;
        n = s->capacity - s->used < len ? s->capacity - s->used : len;
        if (n > 0)
            OCITAR_MEMCPY(s->memory + s->used, p, n);
        s->used += n;
        s->total += n;
        p += n;
        len -= n;
    }
    if (len == 0)
        return OCITAR_OK;
    if (s->desc.store == NULL)
        return OCITAR_E_LIMIT;
    *user_code = s->desc.store->append_fn(s->desc.store->user, p, len);
    s->total += len;
    return *user_code != 0 ? OCITAR_E_SPOOL : OCITAR_OK;
}

/* Takes it for a blob or file, empty. */
static int ocitar_i_spool_take(ocitar_spool *s, int *user_code)
{
    *user_code = 0;
    if (s == NULL || (s->capacity == 0 && s->desc.allocator == NULL &&
                      s->desc.store == NULL))
        return OCITAR_E_ARG;
    if (s->busy)
        return OCITAR_E_BUSY;
    if (s->stale)
        *user_code = s->desc.store->reset_fn(s->desc.store->user);
    if (*user_code != 0)
        return OCITAR_E_SPOOL;
    s->stale = 0;
    s->busy = 1;
    return OCITAR_OK;
}

/* Empties it for the next one; memory that was had stays. */
static void ocitar_i_spool_release(ocitar_spool *s)
{
    if (s->total > s->used)
        s->stale = s->desc.store->reset_fn(s->desc.store->user) != 0;
    s->used = 0;
    s->total = 0;
    s->busy = 0;
}

#endif /* OCITAR_I_WRITES */

/* ==== layout ============================================================
   The image driver: directories, files and blobs of an OCI image layout, in
   a tar or in what another driver keeps. Calls archive, spool, stream, digest,
   errors, bytes. */

#if OCITAR_I_WRITES

OCITAR_API void ocitar_rehearsal_play(ocitar_rehearsal *rehearsal)
{
    if (rehearsal == NULL)
        return;
    rehearsal->at = 0;
    rehearsal->playing = 1;
}

/* The tar driver: each object is an entry of the archive. */

static int ocitar_i_tar_driver_begin(void *user, const ocitar_entry *entry)
{
    ocitar_archive *a = (ocitar_archive *)user;

    if (entry->size < 0 && !ocitar_i_sink_patchable(&a->sink))
        return OCITAR_E_UNSUPPORTED;
    if (entry->size < 0)
        return ocitar_i_archive_open(a, entry, OCITAR_I_ENTRY_PATCH);
    if (entry->typeflag == '5')
        return ocitar_i_archive_open(a, entry, OCITAR_I_ENTRY_SELF);
    return ocitar_i_archive_open(a, entry, OCITAR_I_ENTRY_HELD);
}

static int ocitar_i_tar_driver_write(void *user, const void *data, size_t len)
{
    return ocitar_i_archive_body((ocitar_archive *)user, data, len);
}

static void *ocitar_i_tar_driver_space(void *user, size_t *len)
{
    ocitar_archive *a = (ocitar_archive *)user;

    *len = ocitar_i_archive_room(a) - a->used;
    return a->buffer + a->used;
}

static int ocitar_i_tar_driver_end(void *user, const ocitar_entry *entry)
{
    ocitar_archive *a = (ocitar_archive *)user;
    int e;

    if (a->entry == OCITAR_I_ENTRY_HELD) {
        if (a->left > 0)
            return OCITAR_E_SIZE;
    } else {
        e = ocitar_i_archive_pad(a);
        if (e == OCITAR_OK)
            e = ocitar_i_archive_patch(a, entry);
        if (e != OCITAR_OK)
            return e;
    }
    a->entry = OCITAR_I_ENTRY_NONE;
    return OCITAR_OK;
}

static int ocitar_i_tar_driver_cancel(void *user)
{
    return ocitar_i_archive_rollback((ocitar_archive *)user);
}

static int ocitar_i_tar_driver_remove(void *user, const char *name)
{
    (void)user;
    (void)name;
    return OCITAR_E_UNSUPPORTED;
}

static int ocitar_i_tar_driver_reader(void *user, const char *name,
                                      ocitar_source *out)
{
    (void)user;
    (void)name;
    (void)out;
    return OCITAR_E_UNSUPPORTED;
}

static const ocitar_driver ocitar_i_tar_driver = {
    ocitar_i_tar_driver_begin,  ocitar_i_tar_driver_write,
    ocitar_i_tar_driver_space,  ocitar_i_tar_driver_end,
    ocitar_i_tar_driver_cancel, NULL,
    ocitar_i_tar_driver_remove, ocitar_i_tar_driver_reader
};

OCITAR_API int ocitar_layout_begin(ocitar_layout *layout,
                                   ocitar_archive *archive,
                                   const ocitar_layout_desc *desc)
{
    ocitar_root *root = archive != NULL ? &archive->root : NULL;

    if (layout == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(layout, 0, sizeof *layout);
    layout->driver = &ocitar_i_tar_driver;
    layout->driver_user = archive;
    if (desc != NULL) {
        if (archive == NULL) {
            layout->driver = desc->driver;
            layout->driver_user = desc->driver_user;
            root = desc->root;
        }
        layout->keys = desc->keys;
        layout->key_count = desc->keys != NULL ? desc->key_count : 0;
        layout->engine = desc->engine;
        layout->rehearsal = desc->rehearsal;
        layout->algorithms = desc->algorithms;
    }
    layout->algorithms |= OCITAR_SHA256;
    layout->kernel = ocitar_i_digest_kernel();
    if (root == NULL || layout->driver == NULL)
        return OCITAR_E_ARG;
    if (layout->key_count > 0)
        OCITAR_MEMSET(layout->keys, 0,
                      (size_t)layout->key_count * sizeof layout->keys[0]);
    return ocitar_i_node_begin(&layout->node, &root->node, 0);
}

static ocitar_root *ocitar_i_layout_root(ocitar_layout *l)
{
    return ocitar_i_node_root(&l->node);
}

/* An error of a call that has no object of its own: recorded in words,
   returned, and not kept. */
static int ocitar_i_layout_report(ocitar_layout *l, int code, int user_code,
                                  const char *subject)
{
    ocitar_root *root = ocitar_i_layout_root(l);

    if (!root->poisoned && root->node.failed == 0 && root->node.error == 0)
        ocitar_i_root_record(root, code, user_code, subject);
    return root->poisoned ? root->error.code : code;
}

/* Takes back the object that the driver has open, because of `code`. If
   something of it remains, that code is the end of the whole archive. */
static void ocitar_i_layout_cancel(ocitar_layout *l, int code)
{
    ocitar_root *root = ocitar_i_layout_root(l);

    if (l->driver->cancel_fn(l->driver_user) == OCITAR_OK || root->poisoned)
        return;
    if (root->error.code == code && (root->node.failed > 0))
        root->poisoned = 1; /* keep the details of what failed */
    else
        ocitar_i_root_poison(root, code, root->user_code,
                             "an entry was torn after it went out");
}

static void ocitar_i_layout_entry(ocitar_entry *out, const char *name,
                                  size_t name_len, uint32_t mode,
                                  int64_t size, char typeflag)
{
    ocitar_i_bytes_clear(out, sizeof *out);
    out->name = name;
    out->name_len = name_len;
    out->mode = mode;
    out->size = size;
    out->typeflag = typeflag;
}

static int ocitar_i_layout_open(ocitar_layout *l, const char *name,
                                size_t name_len, uint32_t mode, int64_t size,
                                char typeflag)
{
    ocitar_entry entry;

    ocitar_i_layout_entry(&entry, name, name_len, mode, size, typeflag);
    ocitar_i_layout_root(l)->user_code = 0;
    return l->driver->begin_fn(l->driver_user, &entry);
}

/* Completes the object, or takes it back. */
static int ocitar_i_layout_seal(ocitar_layout *l, const char *name,
                                size_t name_len, uint32_t mode, uint64_t size)
{
    ocitar_entry entry;
    int e;

    ocitar_i_layout_entry(&entry, name, name_len, mode, (int64_t)size, '0');
    e = l->driver->end_fn(l->driver_user, &entry);
    if (e != OCITAR_OK)
        ocitar_i_layout_cancel(l, e);
    return e;
}

OCITAR_API int ocitar_layout_init(ocitar_layout *layout)
{
    char name[] = "blobs/sha256/";
    int e, a;

    if (layout == NULL)
        return OCITAR_E_ARG;
    e = ocitar_i_node_check(&layout->node);
    if (e != OCITAR_OK)
        return e;
    if (layout->initialised)
        return ocitar_i_layout_report(layout, OCITAR_E_STATE, 0,
                                      "layout init, a second time");
    e = ocitar_i_layout_open(layout, name, 6, 0755, 0, '5');
    for (a = OCITAR_SHA256; e == OCITAR_OK && a <= OCITAR_SHA512; a <<= 1) {
        layout->initialised = 1;
        if (!(layout->algorithms & a))
            continue;
        OCITAR_MEMCPY(name + 6, ocitar_algorithm_name((uint8_t)a), 6);
        e = ocitar_i_layout_open(layout, name, 13, 0755, 0, '5');
    }
    if (e == OCITAR_E_BUSY && !layout->initialised)
        return ocitar_i_layout_report(layout, e, 0, "layout init");
    if (e != OCITAR_OK)
        return ocitar_i_node_fail(&layout->node, e,
                                  ocitar_i_layout_root(layout)->user_code,
                                  "layout init");
    return OCITAR_OK;
}

OCITAR_API int ocitar_layout_remove(ocitar_layout *layout, const char *name)
{
    int e;

    if (layout == NULL || name == NULL)
        return OCITAR_E_ARG;
    e = ocitar_i_node_check(&layout->node);
    if (e == OCITAR_OK) {
        ocitar_i_layout_root(layout)->user_code = 0;
        e = layout->driver->remove_fn(layout->driver_user, name);
        if (e != OCITAR_OK)
            ocitar_i_layout_report(layout, e,
                                   ocitar_i_layout_root(layout)->user_code,
                                   "layout remove");
    }
    return e;
}

OCITAR_API int ocitar_layout_reader(ocitar_layout *layout, const char *name,
                                    ocitar_source *out)
{
    int e;

    if (layout == NULL || name == NULL || out == NULL)
        return OCITAR_E_ARG;
    e = ocitar_i_node_check(&layout->node);
    if (e == OCITAR_OK) {
        ocitar_i_layout_root(layout)->user_code = 0;
        e = layout->driver->reader_fn(layout->driver_user, name, out);
        if (e != OCITAR_OK)
            ocitar_i_layout_report(layout, e,
                                   ocitar_i_layout_root(layout)->user_code,
                                   "layout reader");
    }
    return e;
}

enum { OCITAR_I_BLOB_NAME_MAX = 6 + 7 + 128 + 1 };

/* "blobs/sha256/<hex>"; of a digest that is not known yet, zeros. */
static size_t ocitar_i_blob_name(char out[OCITAR_I_BLOB_NAME_MAX],
                                 const ocitar_digest *digest)
{
    char text[OCITAR_DIGEST_TEXT_MAX];
    size_t n = ocitar_digest_format(digest, text);

    OCITAR_MEMCPY(out, "blobs/", 6);
    OCITAR_MEMCPY(out + 6, text, n);
    out[6 + 6] = '/';
    out[6 + n] = 0;
    return 6 + n;
}

/* Is the blob there already? E_LIMIT: no room to remember it. */
static int ocitar_i_layout_find(ocitar_layout *l, const ocitar_digest *digest,
                                uint64_t size, uint8_t *present)
{
    char name[OCITAR_I_BLOB_NAME_MAX];
    ocitar_key *key;

    *present = 0;
    if (l->key_count > 0) {
        key = ocitar_i_keys_slot(l->keys, l->key_count, digest);
        if (key == NULL)
            return OCITAR_E_LIMIT;
        *present = OCITAR_MEMCMP(key->bytes, digest->bytes, 32) == 0;
    }
    if (!*present && l->driver->exists_fn != NULL) {
        ocitar_i_blob_name(name, digest);
        *present = (uint8_t)l->driver->exists_fn(l->driver_user, name, size);
    }
    return OCITAR_OK;
}

static void ocitar_i_layout_remember(ocitar_layout *l,
                                     const ocitar_digest *digest)
{
    ocitar_key *key;

    if (l->key_count == 0)
        return;
    key = ocitar_i_keys_slot(l->keys, l->key_count, digest);
    if (key != NULL)
        OCITAR_MEMCPY(key->bytes, digest->bytes, 32);
}

/* Opens a blob whose digest and size are known, unless it is there already;
   then *present is 1 and nothing is open. */
static int ocitar_i_layout_open_blob(ocitar_layout *l,
                                     const ocitar_digest *digest,
                                     uint64_t size, uint8_t *present)
{
    char name[OCITAR_I_BLOB_NAME_MAX];
    int e = ocitar_i_layout_find(l, digest, size, present);

    if (e != OCITAR_OK || *present)
        return e;
    if (size > INT64_MAX)
        return OCITAR_E_RANGE;
    return ocitar_i_layout_open(l, name, ocitar_i_blob_name(name, digest),
                                0444, (int64_t)size, '0');
}

/* An archive has the name since the blob's begin, unless it is patched. */
static int ocitar_i_layout_seal_blob(ocitar_layout *l,
                                     const ocitar_digest *digest,
                                     uint64_t size)
{
    char name[OCITAR_I_BLOB_NAME_MAX];
    size_t n = 0;
    int e;

    name[0] = 0;
    if (l->driver != &ocitar_i_tar_driver ||
        ((const ocitar_archive *)l->driver_user)->entry ==
            OCITAR_I_ENTRY_PATCH)
        n = ocitar_i_blob_name(name, digest);
    e = ocitar_i_layout_seal(l, name, n, 0444, size);

    if (e == OCITAR_OK)
        ocitar_i_layout_remember(l, digest);
    return e;
}

/* What waited in a spool goes into the object that the driver has open. The
   store's part is loaded where it is to be written, if the driver can. */
static int ocitar_i_layout_send(ocitar_layout *l, ocitar_spool *s)
{
    uint8_t piece[256];
    uint64_t at = 0, left = s->total - s->used;
    int e = OCITAR_OK, code;

    if (s->used > 0)
        e = l->driver->write_fn(l->driver_user, s->memory, s->used);
    while (e == OCITAR_OK && left > 0) {
        size_t n = sizeof piece;
        void *p = piece;

        if (l->driver->space_fn != NULL)
            p = l->driver->space_fn(l->driver_user, &n);
        if (left < n)
            n = (size_t)left;
        code = s->desc.store->load_fn(s->desc.store->user, at, p, n);
        ocitar_i_layout_root(l)->user_code = code;
        if (code != 0)
            return OCITAR_E_SPOOL;
        e = l->driver->write_fn(l->driver_user, p, n);
        at += n;
        left -= n;
    }
    return e;
}

/* Which way an object waits, after AUTO and REHEARSE are resolved. */
typedef struct ocitar_i_way {
    ocitar_spool *spool;
    ocitar_rehearsed *line;
    uint64_t size;
    ocitar_digest digest;
    uint8_t way;
    uint8_t or_spool; /* AUTO: if it cannot be patched now */
    uint8_t verified; /* KNOWN: not to be hashed */
} ocitar_i_way;

static int ocitar_i_wait_rehearsed(ocitar_rehearsal *r, ocitar_i_way *out)
{
    if (r == NULL || (r->table == NULL && r->capacity > 0))
        return OCITAR_E_ARG;
    if (!r->playing) {
        if (r->count >= r->capacity)
            return OCITAR_E_LIMIT;
        out->line = &r->table[r->count++];
        OCITAR_MEMSET(out->line, 0, sizeof *out->line);
        out->line->size = OCITAR_SIZE_UNKNOWN;
        out->way = OCITAR_WAIT_PATCH;
        return OCITAR_OK;
    }
    if (r->at >= r->count)
        return OCITAR_E_CHANGED; /* more objects than in the first run */
    out->line = &r->table[r->at++];
    out->size = out->line->size;
    out->digest = out->line->digest;
    out->way = OCITAR_WAIT_KNOWN;
    return OCITAR_OK;
}

static int ocitar_i_wait_resolve(ocitar_layout *l, const ocitar_wait *wait,
                                 ocitar_i_way *out)
{
    OCITAR_MEMSET(out, 0, sizeof *out);
    out->size = OCITAR_SIZE_UNKNOWN;
    if (wait != NULL) {
        out->way = wait->way;
        out->spool = wait->spool;
    }
    if (out->way > OCITAR_WAIT_REHEARSE)
        return OCITAR_E_ARG;
    if (out->way == OCITAR_WAIT_AUTO && l->rehearsal == NULL) {
        out->or_spool = out->spool != NULL;
        out->way = OCITAR_WAIT_PATCH;
    } else if (out->way == OCITAR_WAIT_AUTO ||
               out->way == OCITAR_WAIT_REHEARSE) {
        return ocitar_i_wait_rehearsed(l->rehearsal, out);
    } else if (out->way == OCITAR_WAIT_KNOWN) {
        out->size = wait->size;
        out->digest = wait->digest;
        out->verified = wait->verified;
    }
    return OCITAR_OK;
}

/* Lets a file or blob fail with what the driver returned. */
static int ocitar_i_layout_fail(ocitar_layout *l, ocitar_node *node, int code,
                                const char *subject)
{
    return ocitar_i_node_fail(node, code, ocitar_i_layout_root(l)->user_code,
                              subject);
}

/* The object that holds `size` bytes of a spool, all in one piece. */
static int ocitar_i_layout_emit_spool(ocitar_layout *l, ocitar_node *node,
                                      ocitar_spool *s, const char *subject)
{
    int e = ocitar_i_layout_send(l, s);

    if (e != OCITAR_OK) {
        e = ocitar_i_layout_fail(l, node, e, subject);
        ocitar_i_layout_cancel(l, e);
    }
    return e;
}

/* -- files: collected in a spool, emitted by the close -- */

OCITAR_API int ocitar_file_begin(ocitar_file *file, ocitar_layout *layout,
                                 const char *name, size_t name_len,
                                 uint32_t mode, ocitar_spool *spool)
{
    int e, user_code;

    if (file == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(file, 0, sizeof *file);
    if (layout == NULL)
        return OCITAR_E_ARG;
    e = ocitar_i_node_check(&layout->node);
    if (e == OCITAR_OK)
        e = ocitar_i_node_begin(&file->node, &layout->node, 0);
    if (e != OCITAR_OK)
        return e;
    file->layout = layout;
    file->name = name;
    file->name_len = ocitar_i_bytes_length(name, name_len);
    file->mode = mode;
    e = ocitar_i_spool_take(spool, &user_code);
    if (e != OCITAR_OK)
        return ocitar_i_node_fail(&file->node, e, user_code, "file begin");
    file->spool = spool;
    return OCITAR_OK;
}

OCITAR_API int ocitar_file_write(ocitar_file *file, const void *data,
                                 size_t len)
{
    uint64_t size;
    int e, user_code;

    if (file == NULL)
        return OCITAR_E_ARG;
    e = ocitar_i_node_check(&file->node);
    if (e != OCITAR_OK)
        return e;
    if (data == NULL && len > 0)
        return ocitar_i_node_fail(&file->node, OCITAR_E_ARG, 0, "file write");
    size = file->spool->total + len;
    e = ocitar_i_spool_append(file->spool, data, len, &user_code);
    if (e == OCITAR_E_LIMIT)
        return ocitar_i_node_differ(&file->node, e, "file write: spool",
                                    file->spool->capacity, size);
    if (e != OCITAR_OK)
        return ocitar_i_node_fail(&file->node, e, user_code, "file write");
    return OCITAR_OK;
}

static void ocitar_i_file_leave(ocitar_file *file, int state)
{
    if (file->spool != NULL)
        ocitar_i_spool_release(file->spool);
    file->spool = NULL;
    ocitar_i_node_leave(&file->node, state);
}

OCITAR_API int ocitar_file_close(ocitar_file *file)
{
    ocitar_layout *l;
    int e;

    if (file == NULL)
        return OCITAR_E_ARG;
    if (file->spool != NULL)
        ocitar_i_node_retry(&file->node);
    e = ocitar_i_node_check(&file->node);
    if (e != OCITAR_OK)
        return e;
    l = file->layout;
    e = ocitar_i_name_ok(file->name, file->name_len)
            ? ocitar_i_layout_open(l, file->name, file->name_len, file->mode,
                                   (int64_t)file->spool->total, '0')
            : (int)OCITAR_E_NAME;
    if (e != OCITAR_OK)
        return ocitar_i_layout_fail(l, &file->node, e, "file close");
    e = ocitar_i_layout_emit_spool(l, &file->node, file->spool, "file close");
    if (e == OCITAR_OK)
        e = ocitar_i_layout_seal(l, file->name, file->name_len, file->mode,
                                 file->spool->total);
    if (e != OCITAR_OK)
        return ocitar_i_layout_fail(l, &file->node, e, "file close");
    ocitar_i_file_leave(file, OCITAR_I_DONE);
    return OCITAR_OK;
}

OCITAR_API int ocitar_file_abandon(ocitar_file *file)
{
    if (file == NULL)
        return OCITAR_E_ARG;
    if (file->node.state != OCITAR_I_OPEN)
        return OCITAR_E_STATE;
    ocitar_i_file_leave(file, OCITAR_I_GONE);
    return ocitar_i_node_forgiven(&file->node);
}

OCITAR_API int ocitar_file_put(ocitar_layout *layout, const char *name,
                               size_t name_len, uint32_t mode,
                               const void *data, size_t len)
{
    int e;

    if (layout == NULL || (data == NULL && len > 0))
        return OCITAR_E_ARG;
    e = ocitar_i_node_check(&layout->node);
    if (e != OCITAR_OK)
        return e;
    name_len = ocitar_i_bytes_length(name, name_len);
    if (!ocitar_i_name_ok(name, name_len))
        return ocitar_i_layout_report(layout, OCITAR_E_NAME, 0, "file put");
    e = ocitar_i_layout_open(layout, name, name_len, mode, (int64_t)len, '0');
    if (e == OCITAR_OK) {
        e = layout->driver->write_fn(layout->driver_user, data, len);
        if (e == OCITAR_OK)
            e = ocitar_i_layout_seal(layout, name, name_len, mode, len);
        else
            ocitar_i_layout_cancel(layout, e);
    }
    if (e != OCITAR_OK)
        ocitar_i_layout_report(layout, e,
                               ocitar_i_layout_root(layout)->user_code,
                               "file put");
    return e;
}

/* -- blobs -- */

static OCITAR_I_APART int ocitar_i_blob_open_patch(ocitar_layout *l,
                                                   uint8_t algorithm)
{
    char name[OCITAR_I_BLOB_NAME_MAX];
    ocitar_digest zero;

    OCITAR_MEMSET(&zero, 0, sizeof zero);
    zero.algorithm = algorithm;
    return ocitar_i_layout_open(l, name, ocitar_i_blob_name(name, &zero), 0444,
                                -1, '0');
}

/* The ways that go straight out open the entry now. */
static int ocitar_i_blob_open(ocitar_blob *b, ocitar_i_way *w,
                              uint8_t algorithm)
{
    int e;

    if (w->way == OCITAR_WAIT_KNOWN) {
        if (w->line != NULL && w->digest.algorithm == 0) {
            b->known_here = 1; /* abandoned in the first run: drop it again */
            return OCITAR_OK;
        }
        if (w->digest.algorithm != algorithm)
            return w->line != NULL ? (int)OCITAR_E_CHANGED
                                   : (int)OCITAR_E_ARG;
        b->digest = w->digest;
        return ocitar_i_layout_open_blob(b->layout, &w->digest, w->size,
                                         &b->known_here);
    }
    if (w->way == OCITAR_WAIT_PATCH) {
        e = ocitar_i_blob_open_patch(b->layout, algorithm);
        if (!w->or_spool || (e != OCITAR_E_UNSUPPORTED && e != OCITAR_E_BUSY))
            return e;
        w->way = OCITAR_WAIT_SPOOL;
    }
    e = ocitar_i_spool_take(w->spool,
                            &ocitar_i_layout_root(b->layout)->user_code);
    if (e == OCITAR_OK)
        b->in.spool = w->spool;
    return e;
}

/* A blob under any parent: a layer's is its image. */
static int ocitar_i_blob_begin(ocitar_blob *b, ocitar_layout *layout,
                               ocitar_node *parent, int counted,
                               uint8_t algorithm, const ocitar_wait *wait)
{
    ocitar_i_way w;
    int e = ocitar_i_node_check(parent);

    if (e == OCITAR_OK)
        e = ocitar_i_node_begin(&b->node, parent, counted);
    if (e != OCITAR_OK)
        return e;
    b->layout = layout;
    if (algorithm == 0)
        algorithm = OCITAR_SHA256;
    ocitar_i_layout_root(layout)->user_code = 0;
    e = ocitar_i_digester_begin(&b->digester, algorithm, layout->engine,
                                layout->kernel);
    if (e != OCITAR_OK)
        return ocitar_i_node_fail(&b->node, e, b->digester.error,
                                  "blob begin: algorithm");
    e = ocitar_i_wait_resolve(layout, wait, &w);
    b->expected = w.size;
    b->in.line = w.line;
    if (e == OCITAR_OK)
        e = ocitar_i_blob_open(b, &w, algorithm);
    b->way = w.way;
    if (e == OCITAR_OK && w.verified)
        ocitar_i_digester_drop(&b->digester);
    if (e != OCITAR_OK) {
        b->way = 0; /* nothing is open, and nothing to try again */
        ocitar_i_digester_drop(&b->digester);
        return ocitar_i_layout_fail(
            layout, &b->node, e,
            e == OCITAR_E_UNSUPPORTED
                ? "blob begin: no spool, and a sink that cannot be patched"
            : e == OCITAR_E_BUSY ? "blob begin"
            : e == OCITAR_E_LIMIT ? "blob begin: keys or rehearsal"
                                  : "blob begin: wait");
    }
    return OCITAR_OK;
}

OCITAR_API int ocitar_blob_begin(ocitar_blob *blob, ocitar_layout *layout,
                                 uint8_t algorithm, const ocitar_wait *wait)
{
    if (blob == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(blob, 0, sizeof *blob);
    if (layout == NULL)
        return OCITAR_E_ARG;
    return ocitar_i_blob_begin(blob, layout, &layout->node, 0, algorithm,
                               wait);
}

/* Does the blob own the tail, with bytes that are out already? */
static int ocitar_i_blob_is_out(const ocitar_blob *b)
{
    return !b->known_here &&
           (b->way == OCITAR_WAIT_PATCH || b->way == OCITAR_WAIT_KNOWN);
}

/* After an error: what went straight out is taken back, or was too much. */
static int ocitar_i_blob_torn(ocitar_blob *b, int code)
{
    if (code != OCITAR_OK && ocitar_i_blob_is_out(b)) {
        ocitar_i_layout_cancel(b->layout, code);
        b->known_here = 1;
    }
    return code;
}

OCITAR_API int ocitar_blob_write(ocitar_blob *blob, const void *data,
                                 size_t len)
{
    int e, user_code = 0;

    if (blob == NULL)
        return OCITAR_E_ARG;
    e = ocitar_i_node_check(&blob->node);
    if (e != OCITAR_OK || len == 0)
        return e;
    if (data == NULL)
        return ocitar_i_blob_torn(blob, ocitar_i_node_fail(
            &blob->node, OCITAR_E_ARG, 0, "blob write"));
    if (len > INT64_MAX - blob->size)
        return ocitar_i_blob_torn(blob, ocitar_i_node_fail(
            &blob->node, OCITAR_E_RANGE, 0, "blob write"));
    if (blob->way == OCITAR_WAIT_KNOWN && blob->digest.algorithm != 0 &&
        len > blob->expected - blob->size)
        return ocitar_i_blob_torn(blob, ocitar_i_node_differ(
            &blob->node,
            blob->in.line != NULL ? OCITAR_E_CHANGED : OCITAR_E_SIZE,
            "blob write", blob->expected, blob->size + len));
    if (blob->way == OCITAR_WAIT_SPOOL) {
        e = ocitar_i_spool_append(blob->in.spool, data, len, &user_code);
        if (e == OCITAR_E_LIMIT)
            return ocitar_i_node_differ(&blob->node, e, "blob write: spool",
                                        blob->in.spool->capacity,
                                        blob->size + len);
    } else if (!blob->known_here) {
        e = blob->layout->driver->write_fn(blob->layout->driver_user, data,
                                           len);
        user_code = ocitar_i_layout_root(blob->layout)->user_code;
    }
    if (e == OCITAR_OK && blob->digester.live) { /* not if verified before */
        e = ocitar_digester_update(&blob->digester, data, len);
        user_code = blob->digester.error;
    }
    if (e != OCITAR_OK)
        return ocitar_i_blob_torn(blob, ocitar_i_node_fail(
            &blob->node, e, user_code, "blob write"));
    blob->size += len;
    return OCITAR_OK;
}

/* The digest of all bytes, once; a commit that is tried again keeps it. */
static int ocitar_i_blob_hash(ocitar_blob *b, ocitar_digest *actual)
{
    int e = OCITAR_OK;

    if (!b->digester.live) {
        *actual = b->digest;
        return OCITAR_OK;
    }
    e = ocitar_digester_end(&b->digester, actual);
    if (e != OCITAR_OK)
        return ocitar_i_node_fail(&b->node, e, b->digester.error,
                                  "blob commit: engine");
    if (b->way != OCITAR_WAIT_KNOWN)
        b->digest = *actual;
    return e;
}

/* Does the blob have the size and digest that were asked for? Size first, as
   in the seed; and what was announced before what is asked now. */
static int ocitar_i_blob_check(ocitar_blob *b, uint64_t size,
                               const ocitar_digest *expected)
{
    ocitar_digest actual;
    int e, changed = b->way == OCITAR_WAIT_KNOWN && b->in.line != NULL;
    int announced = b->way == OCITAR_WAIT_KNOWN && b->digest.algorithm != 0;

    if (announced && b->size != b->expected)
        return ocitar_i_node_differ(
            &b->node, changed ? OCITAR_E_CHANGED : OCITAR_E_SIZE,
            "blob commit", b->expected, b->size);
    if (size != OCITAR_SIZE_UNKNOWN && size != b->size)
        return ocitar_i_node_differ(&b->node, OCITAR_E_SIZE, "blob commit",
                                    size, b->size);
    e = ocitar_i_blob_hash(b, &actual);
    if (e != OCITAR_OK)
        return e;
    if (announced && !ocitar_digest_equal(&b->digest, &actual))
        return ocitar_i_node_differ_digest(
            &b->node, changed ? OCITAR_E_CHANGED : OCITAR_E_DIGEST,
            "blob commit", &b->digest, &actual);
    if (expected->algorithm != 0 && !ocitar_digest_equal(expected, &actual))
        return ocitar_i_node_differ_digest(&b->node, OCITAR_E_DIGEST,
                                           "blob commit", expected, &actual);
    if (changed && !announced)
        return ocitar_i_node_fail(&b->node, OCITAR_E_CHANGED, 0,
                                  "blob commit: not in the first run");
    return OCITAR_OK;
}

/* The blob is right: let it be in the layout. */
static int ocitar_i_blob_emit(ocitar_blob *b)
{
    ocitar_layout *l = b->layout;
    uint8_t present = b->known_here;
    int e = OCITAR_OK;

    if (b->way == OCITAR_WAIT_SPOOL) {
        e = ocitar_i_layout_open_blob(l, &b->digest, b->size, &present);
        if (e != OCITAR_OK || present)
            return e;
        e = ocitar_i_layout_emit_spool(l, &b->node, b->in.spool,
                                       "blob commit");
    } else if (b->way == OCITAR_WAIT_PATCH) {
        e = ocitar_i_layout_find(l, &b->digest, b->size, &present);
        if (e == OCITAR_OK && present)
            e = l->driver->cancel_fn(l->driver_user);
    }
    if (e == OCITAR_OK && !present)
        e = ocitar_i_layout_seal_blob(l, &b->digest, b->size);
    return e;
}

static void ocitar_i_blob_leave(ocitar_blob *b, int state)
{
    if (b->way == OCITAR_WAIT_SPOOL && b->in.spool != NULL)
        ocitar_i_spool_release(b->in.spool);
    b->in.spool = NULL;
    ocitar_i_digester_drop(&b->digester);
    ocitar_i_node_leave(&b->node, state);
}

OCITAR_API int ocitar_blob_commit(ocitar_blob *blob, uint64_t size,
                                  const char *expected)
{
    ocitar_digest digest;
    int e;

    if (blob == NULL)
        return OCITAR_E_ARG;
    if (blob->way == OCITAR_WAIT_SPOOL)
        ocitar_i_node_retry(&blob->node);
    e = ocitar_i_node_check(&blob->node);
    if (e != OCITAR_OK)
        return e;
    OCITAR_MEMSET(&digest, 0, sizeof digest);
    if (expected != NULL)
        e = ocitar_digest_parse(&digest, expected, 0);
    if (e != OCITAR_OK)
        e = ocitar_i_node_fail(&blob->node, e, 0,
                               "blob commit: expected digest");
    else
        e = ocitar_i_blob_check(blob, size, &digest);
    if (e == OCITAR_OK) {
        e = ocitar_i_blob_emit(blob);
        if (e != OCITAR_OK)
            e = ocitar_i_layout_fail(blob->layout, &blob->node, e,
                                     "blob commit");
    }
    if (e != OCITAR_OK)
        return ocitar_i_blob_torn(blob, e);
    if (blob->way != OCITAR_WAIT_SPOOL && blob->in.line != NULL) {
        blob->in.line->size = blob->size;
        blob->in.line->digest = blob->digest;
    }
    ocitar_i_blob_leave(blob, OCITAR_I_DONE);
    return OCITAR_OK;
}

/* Gives the blob up. */
static int ocitar_i_blob_abandon(ocitar_blob *b)
{
    ocitar_i_blob_torn(b, OCITAR_E_STATE);
    ocitar_i_blob_leave(b, OCITAR_I_GONE);
    return ocitar_i_node_forgiven(&b->node);
}

OCITAR_API int ocitar_blob_close(ocitar_blob *blob)
{
    if (blob == NULL)
        return OCITAR_E_ARG;
    if (blob->node.state == OCITAR_I_DONE)
        return OCITAR_OK;
    if (blob->node.state != OCITAR_I_OPEN)
        return OCITAR_E_STATE;
    return ocitar_i_blob_abandon(blob);
}

OCITAR_API int ocitar_blob_digest(const ocitar_blob *blob, ocitar_digest *out)
{
    ocitar_digester copy;

    if (blob == NULL || out == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(out, 0, sizeof *out);
    if (blob->node.state != OCITAR_I_OPEN &&
        blob->node.state != OCITAR_I_DONE)
        return OCITAR_E_STATE;
    if (!blob->digester.live) {
        *out = blob->digest;
        return out->algorithm != 0 ? (int)OCITAR_OK : (int)OCITAR_E_STATE;
    }
    if (blob->digester.engine != NULL)
        return OCITAR_E_UNSUPPORTED;
    copy = blob->digester;
    return ocitar_digester_end(&copy, out);
}

/* A blob of which everything is known, from a function that writes it. Used
   for memory and for documents. */
typedef int (*ocitar_i_body_fn)(ocitar_layout *l, const void *body,
                                size_t len);

static int ocitar_i_layout_put_blob(ocitar_layout *l,
                                    const ocitar_digest *digest, uint64_t size,
                                    ocitar_i_body_fn body_fn,
                                    const void *body, size_t len)
{
    uint8_t present;
    int e = ocitar_i_layout_open_blob(l, digest, size, &present);

    if (e != OCITAR_OK || present)
        return e;
    e = body_fn(l, body, len);
    if (e == OCITAR_OK)
        return ocitar_i_layout_seal_blob(l, digest, size);
    ocitar_i_layout_cancel(l, e);
    return e;
}

static int ocitar_i_layout_memory(ocitar_layout *l, const void *body,
                                  size_t len)
{
    return l->driver->write_fn(l->driver_user, body, len);
}

static int ocitar_i_layout_hash(ocitar_layout *l, uint8_t algorithm,
                                const void *data, size_t len,
                                ocitar_digest *out)
{
    ocitar_digester d;
    int e = ocitar_i_digester_begin(&d, algorithm, l->engine, l->kernel);

    if (e == OCITAR_OK) {
        ocitar_digester_update(&d, data, len); /* its error stays in d */
        e = ocitar_digester_end(&d, out);
    }
    if (e != OCITAR_OK)
        ocitar_i_layout_root(l)->user_code = d.error;
    return e;
}

/* How many blobs are hashed before they are written: 2 and 3 divide it. */
enum { OCITAR_I_PUT_GROUP = OCITAR_I_KERNEL_LANES > 1 ? 6 : 1 };

static OCITAR_I_APART int
ocitar_i_layout_hash_group(ocitar_layout *l, uint8_t algorithm,
                           const void *const *data, const size_t *len,
                           size_t count, ocitar_digest *out)
{
    size_t i;
    int e = OCITAR_OK;

    if (OCITAR_I_KERNEL_LANES > 1 && algorithm == OCITAR_SHA256 &&
        (l->engine == NULL || !(l->engine->algorithms & OCITAR_SHA256))) {
        ocitar_i_digest_many(l->kernel, out, data, len, count);
        return OCITAR_OK;
    }
    for (i = 0; e == OCITAR_OK && i < count; i++)
        e = ocitar_i_layout_hash(l, algorithm, data[i], len[i], &out[i]);
    return e;
}

OCITAR_API int ocitar_blob_put_many(ocitar_layout *layout, uint8_t algorithm,
                                    const void *const *data,
                                    const size_t *len, size_t count,
                                    ocitar_digest *out)
{
    ocitar_digest digests[OCITAR_I_PUT_GROUP];
    size_t i, at, n;
    int e;

    if (layout == NULL || ((data == NULL || len == NULL) && count > 0))
        return OCITAR_E_ARG;
    for (i = 0; i < count; i++)
        if (data[i] == NULL && len[i] > 0)
            return OCITAR_E_ARG;
    e = ocitar_i_node_check(&layout->node);
    if (e != OCITAR_OK)
        return e;
    if (algorithm == 0)
        algorithm = OCITAR_SHA256;
    ocitar_i_layout_root(layout)->user_code = 0;
    for (at = 0; e == OCITAR_OK && at < count; at += n) {
        n = count - at;
        if (n > OCITAR_I_PUT_GROUP)
            n = OCITAR_I_PUT_GROUP;
        e = ocitar_i_layout_hash_group(layout, algorithm, data + at, len + at,
                                       n, digests);
        for (i = 0; e == OCITAR_OK && i < n; i++) {
            e = ocitar_i_layout_put_blob(layout, &digests[i], len[at + i],
                                         ocitar_i_layout_memory, data[at + i],
                                         len[at + i]);
            if (e == OCITAR_OK && out != NULL)
                out[at + i] = digests[i];
        }
    }
    if (e == OCITAR_OK)
        return e;
    return ocitar_i_layout_report(
        layout, e, ocitar_i_layout_root(layout)->user_code, "blob put");
}

OCITAR_API int ocitar_blob_put(ocitar_layout *layout, uint8_t algorithm,
                               const void *data, size_t len,
                               ocitar_digest *out)
{
    return ocitar_blob_put_many(layout, algorithm, &data, &len, 1, out);
}

/* In a dry run bytes need not be there to be counted. */
static int ocitar_i_layout_absent(ocitar_layout *l, const void *body,
                                  size_t len)
{
    ocitar_archive *a = (ocitar_archive *)l->driver_user;
    int e = ocitar_i_archive_drain(a);

    (void)body;
    (void)len;
    if (a->left > UINT64_MAX - 4096 - a->flushed)
        return OCITAR_E_RANGE; /* the archive's size would start anew */
    a->flushed += a->left;
    a->left = 0;
    return e == OCITAR_OK ? ocitar_i_archive_pad(a) : e;
}

OCITAR_API int ocitar_blob_assume(ocitar_layout *layout,
                                  const ocitar_digest *digest, uint64_t size)
{
    int e;

    if (layout == NULL || digest == NULL ||
        ocitar_digest_length(digest->algorithm) == 0)
        return OCITAR_E_ARG;
    e = ocitar_i_node_check(&layout->node);
    if (e != OCITAR_OK)
        return e;
    if (layout->driver != &ocitar_i_tar_driver ||
        !ocitar_i_sink_dry(&((ocitar_archive *)layout->driver_user)->sink))
        return ocitar_i_layout_report(layout, OCITAR_E_STATE, 0,
                                      "blob assume: not a dry run");
    e = ocitar_i_layout_put_blob(layout, digest, size, ocitar_i_layout_absent,
                                 NULL, 0);
    if (e != OCITAR_OK)
        ocitar_i_layout_report(layout, e,
                               ocitar_i_layout_root(layout)->user_code,
                               "blob assume");
    return e;
}

/* What two readings of a source have in common. */
typedef struct ocitar_i_reading {
    const ocitar_source *source;
    void *buffer;
    size_t buffer_size;
    uint64_t limit; /* bytes that it may have */
    uint64_t skip;  /* of which so many are written already */
    int out;        /* is this the reading that writes? */
} ocitar_i_reading;

/* One reading: hashed, and written if it is to be. */
static int ocitar_i_blob_read(ocitar_layout *l, const ocitar_i_reading *r,
                              ocitar_digester *d)
{
    const ocitar_source *source = r->source;
    size_t n = 0, skip;
    int e = OCITAR_OK, code;

    for (;;) {
        n = 0;
        code = source->get_fn(source->user, r->buffer, r->buffer_size, &n);
        ocitar_i_layout_root(l)->user_code = code;
        if (code != 0 || n > r->buffer_size)
            return OCITAR_E_SOURCE;
        if (n == 0)
            return OCITAR_OK;
        if (n > r->limit - d->length)
            return r->out ? OCITAR_E_CHANGED : OCITAR_E_RANGE;
        skip = d->length >= r->skip         ? 0
               : r->skip - d->length < n ? (size_t)(r->skip - d->length)
                                         : n;
        e = ocitar_digester_update(d, r->buffer, n);
        ocitar_i_layout_root(l)->user_code = d->error;
        if (e == OCITAR_OK && r->out && n > skip)
            e = l->driver->write_fn(l->driver_user,
                                    (const char *)r->buffer + skip, n - skip);
        if (e != OCITAR_OK)
            return e;
    }
}

/* A reading with its own digester, from begin to end. */
static OCITAR_I_APART int
ocitar_i_blob_pass(ocitar_layout *l, const ocitar_i_reading *r,
                   uint8_t algorithm, ocitar_digest *digest, uint64_t *size)
{
    ocitar_digester d;
    int e = ocitar_i_digester_begin(&d, algorithm, l->engine, l->kernel);

    if (e == OCITAR_OK)
        e = ocitar_i_blob_read(l, r, &d);
    else
        ocitar_i_layout_root(l)->user_code = d.error;
    *size = d.length;
    if (e == OCITAR_OK) {
        e = ocitar_digester_end(&d, digest);
        ocitar_i_layout_root(l)->user_code = d.error;
    }
    ocitar_i_digester_drop(&d);
    return e;
}

/* The second reading, into an open blob; what differs is E_CHANGED. */
static int ocitar_i_blob_again(ocitar_layout *l, const ocitar_i_reading *r,
                               const ocitar_digest *digest)
{
    const ocitar_source *source = r->source;
    ocitar_digest again;
    uint64_t length;
    int e, code = source->rewind_fn(source->user);

    ocitar_i_layout_root(l)->user_code = code;
    if (code != 0)
        return OCITAR_E_SOURCE;
    e = ocitar_i_blob_pass(l, r, digest->algorithm, &again, &length);
    if (e == OCITAR_OK &&
        (length != r->limit || !ocitar_digest_equal(&again, digest))) {
        ocitar_i_layout_root(l)->user_code = 0;
        e = OCITAR_E_CHANGED;
    }
    return e;
}

/* The bytes of an open blob, which were read once and hashed: moved by the
   system from file to sink if it can, and read again if not, or if not all. */
static int ocitar_i_blob_second(ocitar_layout *l, ocitar_i_reading *r,
                                const ocitar_digest *digest, uint64_t size)
{
    int e = OCITAR_OK;

    r->limit = size;
    r->out = 1;
    if (l->driver == &ocitar_i_tar_driver)
        e = ocitar_i_archive_move((ocitar_archive *)l->driver_user, r->source,
                                  &r->skip);
    if (e == OCITAR_OK && (r->skip < size || size == 0))
        e = ocitar_i_blob_again(l, r, digest);
    if (e == OCITAR_OK && r->skip > 0 &&
        r->source->same_fn(r->source->user, 0) != 0)
        e = OCITAR_E_CHANGED;
    return e;
}

/* Sources that are read for the first time, side by side. */
typedef struct ocitar_i_first {
    const ocitar_source *sources;
    ocitar_digest *digests;
    uint64_t *sizes;
    size_t count; /* OCITAR_I_KERNEL_LANES at most */
    uint8_t algorithm;
    uint8_t *buffer;
    size_t buffer_size;
} ocitar_i_first;

/* A piece of one source, as full as it gets; *len 0 at its end. */
static int ocitar_i_first_get(ocitar_layout *l, const ocitar_source *source,
                              uint8_t *out, size_t capacity, size_t *len)
{
    size_t n = 1;
    int code;

    for (*len = 0; n > 0 && *len < capacity; *len += n) {
        n = 0;
        code = source->get_fn(source->user, out + *len, capacity - *len, &n);
        ocitar_i_layout_root(l)->user_code = code;
        if (code != 0 || n > capacity - *len)
            return OCITAR_E_SOURCE;
    }
    return OCITAR_OK;
}

/* A piece of each, hashed together, until all are at their end. */
static int ocitar_i_first_lanes(ocitar_layout *l, const ocitar_i_first *f)
{
    ocitar_digester d[OCITAR_I_KERNEL_LANES], *open[OCITAR_I_KERNEL_LANES];
    const uint8_t *data[OCITAR_I_KERNEL_LANES];
    size_t len[OCITAR_I_KERNEL_LANES], used, i;
    size_t piece = f->buffer_size / f->count / 64 * 64;
    uint8_t ended[OCITAR_I_KERNEL_LANES];
    int e = OCITAR_OK;

    OCITAR_MEMSET(ended, 0, sizeof ended);
    for (i = 0; i < f->count; i++)
        ocitar_i_digester_begin(&d[i], OCITAR_SHA256, NULL, l->kernel);
    do {
        for (used = 0, i = 0; e == OCITAR_OK && i < f->count; i++) {
            if (ended[i])
                continue;
            data[used] = f->buffer + used * piece;
            e = ocitar_i_first_get(l, &f->sources[i], f->buffer + used * piece,
                                   piece, &len[used]);
            if (e == OCITAR_OK && len[used] > INT64_MAX - d[i].length)
                e = OCITAR_E_RANGE;
            ended[i] = len[used] < piece;
            open[used++] = &d[i];
        }
        if (e == OCITAR_OK && used > 0)
            ocitar_i_digesters_absorb(open, data, len, used);
    } while (e == OCITAR_OK && used > 0);
    for (i = 0; e == OCITAR_OK && i < f->count; i++) {
        f->sizes[i] = d[i].length;
        e = ocitar_digester_end(&d[i], &f->digests[i]);
    }
    return e;
}

static OCITAR_I_APART int ocitar_i_blobs_first(ocitar_layout *l,
                                               const ocitar_i_first *f)
{
    ocitar_i_reading r;
    size_t i;
    int e = OCITAR_OK;

    for (i = 0; i < f->count; i++)
        if (f->sources[i].same_fn != NULL && f->sources[i].file != NULL)
            (void)f->sources[i].same_fn(f->sources[i].user, 1);
    if (OCITAR_I_KERNEL_LANES > 1 && f->count > 1 &&
        f->algorithm == OCITAR_SHA256 &&
        f->buffer_size / f->count >= 64 &&
        (l->engine == NULL || !(l->engine->algorithms & OCITAR_SHA256)))
        return ocitar_i_first_lanes(l, f);
    for (i = 0; e == OCITAR_OK && i < f->count; i++) {
        OCITAR_MEMSET(&r, 0, sizeof r);
        r.source = &f->sources[i];
        r.buffer = f->buffer;
        r.buffer_size = f->buffer_size;
        r.limit = INT64_MAX;
        e = ocitar_i_blob_pass(l, &r, f->algorithm, &f->digests[i],
                               &f->sizes[i]);
    }
    return e;
}

/* The body of a blob that is open, from a source that was read once. */
static OCITAR_I_APART int ocitar_i_blob_body(ocitar_layout *l,
                                             const ocitar_i_first *f,
                                             size_t at)
{
    ocitar_i_reading r;

    OCITAR_MEMSET(&r, 0, sizeof r);
    r.source = &f->sources[at];
    r.buffer = f->buffer;
    r.buffer_size = f->buffer_size;
    return ocitar_i_blob_second(l, &r, &f->digests[at], f->sizes[at]);
}

/* A source that was read once becomes a blob, unless there is one. */
static int ocitar_i_blob_copied(ocitar_layout *l, const ocitar_i_first *f,
                                size_t at)
{
    uint8_t present;
    int e = ocitar_i_layout_open_blob(l, &f->digests[at], f->sizes[at],
                                      &present);

    if (e != OCITAR_OK || present)
        return e;
    e = ocitar_i_blob_body(l, f, at);
    if (e == OCITAR_OK)
        e = ocitar_i_layout_seal_blob(l, &f->digests[at], f->sizes[at]);
    if (e != OCITAR_OK)
        ocitar_i_layout_cancel(l, e);
    return e;
}

static int ocitar_i_sources_ok(const ocitar_source *sources, size_t count)
{
    size_t i;

    if (sources == NULL && count > 0)
        return 0;
    for (i = 0; i < count; i++)
        if (sources[i].get_fn == NULL || sources[i].rewind_fn == NULL)
            return 0;
    return 1;
}

OCITAR_API int ocitar_blob_copy_many(ocitar_layout *layout, uint8_t algorithm,
                                     const ocitar_source *sources,
                                     size_t count, void *buffer,
                                     size_t buffer_size, ocitar_digest *out,
                                     uint64_t *sizes)
{
    ocitar_digest digests[OCITAR_I_KERNEL_LANES];
    uint64_t lengths[OCITAR_I_KERNEL_LANES];
    ocitar_i_first f;
    size_t at, i;
    int e;

    if (layout == NULL || !ocitar_i_sources_ok(sources, count) ||
        buffer == NULL || buffer_size == 0)
        return OCITAR_E_ARG;
    e = ocitar_i_node_check(&layout->node);
    if (e != OCITAR_OK)
        return e;
    ocitar_i_layout_root(layout)->user_code = 0;
    f.algorithm = algorithm == 0 ? (uint8_t)OCITAR_SHA256 : algorithm;
    f.digests = digests;
    f.sizes = lengths;
    f.buffer = (uint8_t *)buffer;
    f.buffer_size = buffer_size;
    for (at = 0; e == OCITAR_OK && at < count; at += f.count) {
        f.sources = sources + at;
        f.count = count - at;
        if (f.count > OCITAR_I_KERNEL_LANES)
            f.count = OCITAR_I_KERNEL_LANES;
        if (f.count > 1 && f.count > layout->kernel)
            f.count = layout->kernel > 1 ? layout->kernel : 1;
        e = ocitar_i_blobs_first(layout, &f);
        for (i = 0; e == OCITAR_OK && i < f.count; i++) {
            e = ocitar_i_blob_copied(layout, &f, i);
            if (e == OCITAR_OK && out != NULL)
                out[at + i] = digests[i];
            if (e == OCITAR_OK && sizes != NULL)
                sizes[at + i] = lengths[i];
        }
    }
    if (e == OCITAR_OK)
        return e;
    return ocitar_i_layout_report(
        layout, e, ocitar_i_layout_root(layout)->user_code, "blob copy");
}

OCITAR_API int ocitar_blob_copy(ocitar_layout *layout, uint8_t algorithm,
                                const ocitar_source *source, void *buffer,
                                size_t buffer_size, ocitar_digest *out,
                                uint64_t *size)
{
    return ocitar_blob_copy_many(layout, algorithm, source, 1, buffer,
                                 buffer_size, out, size);
}

#endif /* OCITAR_I_WRITES */

/* ==== image =============================================================
   References and the documents of the OCI image specification: config,
   manifest, index, and docker's manifest.json. Calls json, layout, digest,
   errors, bytes. */

#if OCITAR_I_IMAGES

static int ocitar_i_reference_char(char c)
{
    return ocitar_i_name_alnum(c) || (c >= 'A' && c <= 'Z') ||
           ocitar_i_bytes_has("_-.", 3, c);
}

/* One part of a path: lower case and digits, in between '.', '_', "__" or
   any number of '-'. Docker, podman and skopeo take no other. */
static int ocitar_i_reference_part_ok(const char *s, size_t len)
{
    size_t i, run = 0;

    for (i = 0; i < len; i++) {
        if (ocitar_i_name_alnum(s[i])) {
            run = 0;
            continue;
        }
        if (i == 0 || i == len - 1 || !ocitar_i_bytes_has("_-.", 3, s[i]) ||
            (run > 0 && (s[i] != s[i - 1] || s[i] == '.')) ||
            (run > 1 && s[i] == '_'))
            return 0;
        run++;
    }
    return len > 0;
}

/* `host[:port]`: letters of either case, digits, '-', '.'. A first part is a
   host if it has a dot or a port, or is "localhost". */
static int ocitar_i_reference_host_ok(const char *s, size_t len)
{
    size_t i, port = len;

    for (i = 0; i < len; i++) {
        if (port < len ? s[i] < '0' || s[i] > '9'
                       : s[i] != ':' && (!ocitar_i_reference_char(s[i]) ||
                                         s[i] == '_'))
            return 0;
        if (s[i] == ':')
            port = i;
    }
    return len > 0 && port > 0 && port != len - 1 && s[0] != '.' &&
           s[0] != '-';
}

/* `[host[:port]/]part/part` */
static int ocitar_i_reference_name_ok(const char *s, size_t len)
{
    size_t end, start = 0;
    int host;

    do {
        for (end = start; end < len && s[end] != '/'; end++)
            ;
        host = start == 0 && end < len &&
               (ocitar_i_bytes_has(s, end, '.') ||
                ocitar_i_bytes_has(s, end, ':') ||
                ocitar_i_bytes_equal(s, end, "localhost", 9));
        if (!(host ? ocitar_i_reference_host_ok(s, end)
                   : ocitar_i_reference_part_ok(s + start, end - start)))
            return 0;
        start = end + 1;
    } while (end < len);
    return 1;
}

OCITAR_API int ocitar_reference_parse(ocitar_reference *out, const char *text,
                                      size_t len)
{
    ocitar_digest digest;
    size_t i;

    if (out == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(out, 0, sizeof *out);
    len = ocitar_i_bytes_length(text, len);
    if (len == 0)
        return OCITAR_E_ARG;
    for (i = len; i > 0 && text[i - 1] != '@'; i--)
        ;
    if (i > 0) {
        /* nothing after '@' would be "up to the NUL" */
        if (i == len ||
            ocitar_digest_parse(&digest, text + i, len - i) == OCITAR_E_ARG)
            return OCITAR_E_ARG;
        out->digest = text + i;
        out->digest_len = len - i;
        len = i - 1;
    }
    for (i = len; i > 0 && text[i - 1] != ':' && text[i - 1] != '/'; i--)
        ;
    if (i > 0 && text[i - 1] == ':') {
        out->tag = text + i;
        out->tag_len = len - i;
        len = i - 1;
    }
    out->name = text;
    out->name_len = len;
    if (out->tag != NULL) {
        if (out->tag_len == 0 || out->tag_len > 128 || out->tag[0] == '.' ||
            out->tag[0] == '-')
            return OCITAR_E_ARG;
        for (i = 0; i < out->tag_len; i++)
            if (!ocitar_i_reference_char(out->tag[i]))
                return OCITAR_E_ARG;
    }
    return ocitar_i_reference_name_ok(text, len) ? (int)OCITAR_OK
                                                 : (int)OCITAR_E_ARG;
}

/* What this code runs on, in Go's words. */
static const char *ocitar_i_image_architecture(void)
{
#if defined __x86_64__ || defined _M_X64
    return "amd64";
#elif defined __i386__ || defined _M_IX86
    return "386";
#elif defined __aarch64__ || defined _M_ARM64
    return "arm64";
#elif defined __arm__ || defined _M_ARM
    return "arm";
#elif defined __riscv && __riscv_xlen == 64
    return "riscv64";
#elif defined __s390x__
    return "s390x";
#elif defined __powerpc64__ && defined __LITTLE_ENDIAN__
    return "ppc64le";
#elif defined __powerpc64__
    return "ppc64";
#elif defined __loongarch64
    return "loong64";
#elif defined __mips64 && defined __MIPSEL__
    return "mips64le";
#elif defined __mips64
    return "mips64";
#elif defined __mips__ && defined __MIPSEL__
    return "mipsle";
#elif defined __mips__
    return "mips";
#elif defined __wasm__
    return "wasm";
#else
    return NULL;
#endif
}

/* The kernel's names of machines and Go's; OCI index, platform variants. */
OCITAR_API int ocitar_platform_uname(ocitar_platform *out, const char *machine)
{
    static const char names[][3][12] = {
        { "x86_64", "amd64", "" },      { "i386", "386", "" },
        { "i486", "386", "" },          { "i586", "386", "" },
        { "i686", "386", "" },          { "aarch64", "arm64", "" },
        { "arm64", "arm64", "" },       { "armv5tel", "arm", "v5" },
        { "armv5tejl", "arm", "v5" },   { "armv6l", "arm", "v6" },
        { "armv7l", "arm", "v7" },      { "armv8l", "arm", "v8" },
        { "riscv64", "riscv64", "" },   { "s390x", "s390x", "" },
        { "ppc64le", "ppc64le", "" },   { "ppc64", "ppc64", "" },
        { "mips", "mips", "" },         { "mipsel", "mipsle", "" },
        { "mips64", "mips64", "" },     { "mips64el", "mips64le", "" },
        { "loongarch64", "loong64", "" }, { "amd64", "amd64", "" },
        { "386", "386", "" },           { "arm", "arm", "" },
        { "mipsle", "mipsle", "" },     { "mips64le", "mips64le", "" },
        { "loong64", "loong64", "" },   { "wasm", "wasm", "" }
    };
    size_t i, len = ocitar_i_bytes_length(machine, 0);

    if (out == NULL || len == 0)
        return OCITAR_E_ARG;
    for (i = 0; i < sizeof names / sizeof names[0]; i++)
        if (ocitar_i_bytes_equal(machine, len, names[i][0],
                                 ocitar_i_bytes_length(names[i][0], 0)))
            break;
    if (i == sizeof names / sizeof names[0])
        return OCITAR_E_UNSUPPORTED;
    out->architecture = names[i][1];
    out->variant = names[i][2][0] != 0 ? names[i][2] : NULL;
    return OCITAR_OK;
}

/* A document: a function that emits it from its subject. */
typedef void (*ocitar_i_document_fn)(ocitar_i_json *j, const void *subject);

typedef struct ocitar_i_document {
    ocitar_i_document_fn emit_fn;
    const void *subject;
} ocitar_i_document;

/* The first pass counts and hashes. */
typedef struct ocitar_i_document_count {
    ocitar_digester digester;
    uint64_t size;
} ocitar_i_document_count;

static int ocitar_i_document_count_put(void *user, const void *data,
                                       size_t len)
{
    ocitar_i_document_count *c = (ocitar_i_document_count *)user;

    c->size += len;
    return ocitar_digester_update(&c->digester, data, len);
}

static int ocitar_i_document_measure(ocitar_layout *l,
                                     const ocitar_i_document *doc,
                                     uint8_t algorithm, ocitar_digest *digest,
                                     uint64_t *size)
{
    ocitar_i_document_count c;
    ocitar_i_json j;
    int e;

    OCITAR_MEMSET(&c, 0, sizeof c);
    OCITAR_MEMSET(&j, 0, sizeof j);
    e = ocitar_i_digester_begin(&c.digester, algorithm, l->engine, l->kernel);
    j.put_fn = ocitar_i_document_count_put;
    j.user = &c;
    j.error = e;
    doc->emit_fn(&j, doc->subject);
    if (j.error == OCITAR_OK)
        j.error = ocitar_digester_end(&c.digester, digest);
    ocitar_i_layout_root(l)->user_code = c.digester.error;
    ocitar_i_digester_drop(&c.digester);
    *size = c.size;
    return j.error;
}

/* The second pass writes. */
#ifdef OCITAR_SMALL
enum { OCITAR_I_PIECE = 64 };
#else
enum { OCITAR_I_PIECE = 256 };
#endif

typedef struct ocitar_i_document_out {
    ocitar_layout *layout;
    size_t used;
    char piece[OCITAR_I_PIECE]; /* a driver gets no single brackets */
} ocitar_i_document_out;

static int ocitar_i_document_out_flush(ocitar_i_document_out *out)
{
    ocitar_layout *l = out->layout;
    size_t used = out->used;

    out->used = 0;
    return used == 0 ? (int)OCITAR_OK
                     : l->driver->write_fn(l->driver_user, out->piece, used);
}

static int ocitar_i_document_out_put(void *user, const void *data, size_t len)
{
    ocitar_i_document_out *out = (ocitar_i_document_out *)user;
    ocitar_layout *l = out->layout;
    int e = OCITAR_OK;

    if (len > sizeof out->piece - out->used)
        e = ocitar_i_document_out_flush(out);
    if (e == OCITAR_OK && len > sizeof out->piece)
        return l->driver->write_fn(l->driver_user, data, len);
    if (e == OCITAR_OK) {
        OCITAR_MEMCPY(out->piece + out->used, data, len);
        out->used += len;
    }
    return e;
}

static int ocitar_i_document_write(ocitar_layout *l, const void *body,
                                   size_t len)
{
    const ocitar_i_document *doc = (const ocitar_i_document *)body;
    ocitar_i_document_out out;
    ocitar_i_json j;

    (void)len;
    out.layout = l;
    out.used = 0;
    OCITAR_MEMSET(&j, 0, sizeof j);
    j.put_fn = ocitar_i_document_out_put;
    j.user = &out;
    doc->emit_fn(&j, doc->subject);
    return j.error != OCITAR_OK ? j.error : ocitar_i_document_out_flush(&out);
}

static int ocitar_i_document_blob(ocitar_layout *l, uint8_t algorithm,
                                  ocitar_i_document_fn emit_fn,
                                  const void *subject, ocitar_digest *digest,
                                  uint64_t *size)
{
    ocitar_i_document doc;
    int e;

    doc.emit_fn = emit_fn;
    doc.subject = subject;
    e = ocitar_i_document_measure(l, &doc, algorithm, digest, size);
    if (e == OCITAR_OK)
        e = ocitar_i_layout_put_blob(l, digest, *size,
                                     ocitar_i_document_write, &doc, 0);
    return e;
}

static int ocitar_i_document_file(ocitar_layout *l, const char *name,
                                  uint32_t mode, ocitar_i_document_fn emit_fn,
                                  const void *subject)
{
    ocitar_i_document doc;
    ocitar_digest digest;
    uint64_t size;
    int e;

    doc.emit_fn = emit_fn;
    doc.subject = subject;
    e = ocitar_i_document_measure(l, &doc, OCITAR_SHA256, &digest, &size);
    if (e == OCITAR_OK)
        e = ocitar_i_layout_open(l, name, 0, mode, (int64_t)size, '0');
    if (e != OCITAR_OK)
        return e;
    e = ocitar_i_document_write(l, &doc, 0);
    if (e == OCITAR_OK)
        return ocitar_i_layout_seal(l, name, 0, mode, size);
    ocitar_i_layout_cancel(l, e);
    return e;
}

enum {
    OCITAR_I_KIND_LAYER = 1,
    OCITAR_I_KIND_IMAGE = 2, /* after its layers */
    OCITAR_I_KIND_EMPTY = 3, /* the config of an artifact */
    OCITAR_I_KIND_NEST = 4   /* a nested index; `layers` slots are below it */
};

static void ocitar_i_image_platform(ocitar_i_json *j, const ocitar_platform *p)
{
    ocitar_i_json_field(j, "architecture", p->architecture);
    ocitar_i_json_field(j, "os", p->os);
    ocitar_i_json_strings(j, "os.features", p->os_features,
                          p->os_feature_count);
    ocitar_i_json_field(j, "os.version", p->os_version);
    ocitar_i_json_field(j, "variant", p->variant);
}

/* The two annotations that give an image its name: the tag for skopeo, podman
   and umoci, the full reference for containerd. */
static void ocitar_i_image_names(const char *reference, ocitar_i_json_map *m)
{
    ocitar_reference ref;

    if (reference == NULL ||
        ocitar_reference_parse(&ref, reference, 0) != OCITAR_OK)
        return;
    m->own_count = 2;
    m->own[0].key = "io.containerd.image.name";
    m->own[0].value = reference;
    m->tail = ref.tag == NULL ? ":latest" : NULL;
    m->own[1].key = "org.opencontainers.image.ref.name";
    m->own[1].value = ref.tag == NULL ? "latest" : ref.tag;
    m->own[1].value_len = ref.tag_len;
}

/* -- descriptors as others wrote them: valid JSON, of which no byte that is
   not replaced changes -- */

static size_t ocitar_i_raw_blank(const char *s, size_t len, size_t at)
{
    while (at < len && (s[at] == ' ' || s[at] == ',' || s[at] == ':' ||
                        s[at] == '\n' || s[at] == '\r' || s[at] == '\t'))
        at++;
    return at;
}

/* Behind the value that begins at `at`. */
static size_t ocitar_i_raw_skip(const char *s, size_t len, size_t at)
{
    size_t depth = 0;
    int text = 0;

    for (; at < len; at++) {
        char c = s[at];

        if (text && c == '\\')
            at++;
        else if (c == '"')
            text = !text;
        else if (!text && (c == '{' || c == '['))
            depth++;
        else if (!text && depth > 0 && (c == '}' || c == ']'))
            depth--;
        else if (!text && depth == 0 && ocitar_i_bytes_has(",}] \n\r\t", 7, c))
            return at;
        if (!text && depth == 0 && (c == '"' || c == '}' || c == ']'))
            return at + 1;
    }
    return len;
}

/* The next member of the object, from *at on, with key and value as they
   stand; 0: there is none. */
static int ocitar_i_raw_next(const char *s, size_t len, size_t *at,
                             ocitar_pair *out)
{
    size_t from = ocitar_i_raw_blank(s, len, *at == 0 ? 1 : *at), end;

    if (from >= len || s[from] != '"')
        return 0;
    end = ocitar_i_raw_skip(s, len, from);
    out->key = s + from + 1;
    out->key_len = end - from - 2;
    from = ocitar_i_raw_blank(s, len, end);
    *at = ocitar_i_raw_skip(s, len, from);
    out->value = s + from;
    out->value_len = *at - from;
    return 1;
}

static int ocitar_i_raw_find(const char *s, size_t len, const char *key,
                             ocitar_pair *out)
{
    size_t at = 0;

    while (ocitar_i_raw_next(s, len, &at, out))
        if (ocitar_i_bytes_equal(out->key, out->key_len, key,
                                 ocitar_i_bytes_length(key, 0)))
            return 1;
    OCITAR_MEMSET(out, 0, sizeof *out);
    return 0;
}

/* A member that is put in the place of one of that key, or between; without a
   function that one is left out. */
typedef struct ocitar_i_raw_own {
    const char *key;
    void (*emit_fn)(ocitar_i_json *j, const void *subject);
    const void *subject;
} ocitar_i_raw_own;

/* The member with the least key above `last`, among both; *own is its number
   among the own ones, or their count. */
static int ocitar_i_raw_least(const char *s, size_t len,
                              const ocitar_i_raw_own *o, size_t count,
                              const ocitar_pair *last, ocitar_pair *out,
                              size_t *own)
{
    ocitar_pair p;
    size_t at = 0, i;
    int found = 0;

    for (i = 0; i <= count; i += i < count) {
        if (i < count) {
            OCITAR_MEMSET(&p, 0, sizeof p);
            p.key = o[i].key;
            p.key_len = ocitar_i_bytes_length(p.key, 0);
        } else if (!ocitar_i_raw_next(s, len, &at, &p)) {
            break;
        }
        if (last->key != NULL &&
            ocitar_i_json_compare(p.key, p.key_len, last->key,
                                  last->key_len) <= 0)
            continue;
        if (found && ocitar_i_json_compare(p.key, p.key_len, out->key,
                                           out->key_len) >= 0)
            continue; /* of two equal ones the own one, which comes first */
        *out = p;
        *own = i;
        found = 1;
    }
    return found;
}

static void ocitar_i_raw_object(ocitar_i_json *j, const char *s, size_t len,
                                const ocitar_i_raw_own *own, size_t count)
{
    ocitar_pair last, p;
    size_t i = 0;

    OCITAR_MEMSET(&last, 0, sizeof last);
    ocitar_i_json_open(j, "{");
    while (j->error == OCITAR_OK &&
           ocitar_i_raw_least(s, len, own, count, &last, &p, &i)) {
        last = p;
        if (i < count && own[i].emit_fn == NULL)
            continue;
        ocitar_i_json_separate(j);
        ocitar_i_json_put(j, "\"", 1);
        ocitar_i_json_put(j, p.key, p.key_len);
        ocitar_i_json_put(j, "\":", 2);
        if (i < count)
            own[i].emit_fn(j, own[i].subject);
        else
            ocitar_i_json_put(j, p.value, p.value_len);
        j->comma = 1;
    }
    ocitar_i_json_close(j, "}");
}

/* What is put into a descriptor. */
typedef struct ocitar_i_raw_names {
    const ocitar_descriptor *d;
    ocitar_i_json_map names;
} ocitar_i_raw_names;

static void ocitar_i_raw_name(ocitar_i_json *j, const void *subject)
{
    const ocitar_i_json_map *m = (const ocitar_i_json_map *)subject;

    ocitar_i_json_string2(j, m->own[0].value,
                          ocitar_i_bytes_length(m->own[0].value, 0), m->tail,
                          ocitar_i_bytes_length(m->tail, 0));
}

static void ocitar_i_raw_tag(ocitar_i_json *j, const void *subject)
{
    const ocitar_i_json_map *m = (const ocitar_i_json_map *)subject;

    ocitar_i_json_string(j, m->own[1].value, m->own[1].value_len);
}

static void ocitar_i_raw_annotations(ocitar_i_json *j, const void *subject)
{
    const ocitar_i_raw_names *n = (const ocitar_i_raw_names *)subject;
    ocitar_i_raw_own own[2];
    ocitar_pair p;

    own[0].key = "io.containerd.image.name";
    own[1].key = "org.opencontainers.image.ref.name";
    own[0].emit_fn = n->names.own_count > 0 ? ocitar_i_raw_name : NULL;
    own[1].emit_fn = n->names.own_count > 0 ? ocitar_i_raw_tag : NULL;
    own[0].subject = own[1].subject = &n->names;
    ocitar_i_raw_find(n->d->raw, n->d->raw_len, "annotations", &p);
    ocitar_i_raw_object(j, p.value, p.value_len, own, 2);
}

static void ocitar_i_raw_platform(ocitar_i_json *j, const void *subject)
{
    const ocitar_i_raw_names *n = (const ocitar_i_raw_names *)subject;

    ocitar_i_json_open(j, "{");
    ocitar_i_image_platform(j, &n->d->platform);
    ocitar_i_json_close(j, "}");
}

/* Has it this name already? */
static int ocitar_i_raw_named(const ocitar_descriptor *d,
                              const ocitar_i_json_map *m)
{
    size_t len = ocitar_i_bytes_length(m->own[0].value, 0);
    size_t tail = ocitar_i_bytes_length(m->tail, 0);
    ocitar_pair p, name;

    return ocitar_i_raw_find(d->raw, d->raw_len, "annotations", &p) &&
           ocitar_i_raw_find(p.value, p.value_len, m->own[0].key, &name) &&
           name.value_len == len + tail + 2 &&
           OCITAR_MEMCMP(name.value + 1, m->own[0].value, len) == 0 &&
           (tail == 0 ||
            OCITAR_MEMCMP(name.value + 1 + len, m->tail, tail) == 0);
}

/* `inner`: in a nested index, where nothing has a name. */
static OCITAR_I_APART void
ocitar_i_raw_describe(ocitar_i_json *j, const ocitar_descriptor *d,
                      const char *reference, int inner)
{
    ocitar_i_raw_names n;
    ocitar_i_raw_own own[2];
    ocitar_pair p;
    size_t count = 0;

    OCITAR_MEMSET(&n, 0, sizeof n);
    n.d = d;
    if (!inner)
        ocitar_i_image_names(reference, &n.names);
    if (inner ? ocitar_i_raw_find(d->raw, d->raw_len, "annotations", &p)
              : n.names.own_count > 0 && !ocitar_i_raw_named(d, &n.names)) {
        own[count].key = "annotations";
        own[count].emit_fn = ocitar_i_raw_annotations;
        own[count++].subject = &n;
    }
    if (d->platform.architecture != NULL &&
        !ocitar_i_raw_find(d->raw, d->raw_len, "platform", &p)) {
        own[count].key = "platform";
        own[count].emit_fn = ocitar_i_raw_platform;
        own[count++].subject = &n;
    }
    ocitar_i_json_separate(j);
    ocitar_i_raw_object(j, d->raw, d->raw_len, own, count);
}

/* With a media type and a name, which may be others than its own. */
static OCITAR_I_APART void
ocitar_i_image_describe_own(ocitar_i_json *j, const ocitar_descriptor *d,
                            const char *media_type, const char *reference)
{
    ocitar_i_json_map m;

    OCITAR_MEMSET(&m, 0, sizeof m);
    m.pairs = d->annotations;
    m.pair_count = d->annotation_count;
    ocitar_i_image_names(reference, &m);
    ocitar_i_json_open(j, "{");
    ocitar_i_json_map_put(j, "annotations", &m);
    ocitar_i_json_field(j, "artifactType", d->artifact_type);
    if (d->kind == OCITAR_I_KIND_EMPTY)
        ocitar_i_json_data(j, "data", "{}", 2);
    else
        ocitar_i_json_data(j, "data", d->data, (size_t)d->size);
    ocitar_i_json_digest(j, "digest", &d->digest);
    ocitar_i_json_field(j, "mediaType", media_type);
    if (d->platform.architecture != NULL) {
        ocitar_i_json_key(j, "platform", 0);
        ocitar_i_json_open(j, "{");
        ocitar_i_image_platform(j, &d->platform);
        ocitar_i_json_close(j, "}");
    }
    ocitar_i_json_key(j, "size", 0);
    ocitar_i_json_number(j, d->size);
    ocitar_i_json_close(j, "}");
}

static void ocitar_i_image_describe_as(ocitar_i_json *j,
                                       const ocitar_descriptor *d,
                                       const char *media_type,
                                       const char *reference)
{
    if (d->raw != NULL)
        ocitar_i_raw_describe(j, d, reference, 0);
    else
        ocitar_i_image_describe_own(j, d, media_type, reference);
}

/* Once for each of its names, or once if it has none. */
static void ocitar_i_image_describe(ocitar_i_json *j,
                                    const ocitar_descriptor *d)
{
    size_t i;

    ocitar_i_image_describe_as(j, d, d->media_type, d->reference);
    for (i = 0; i < d->more_reference_count; i++)
        ocitar_i_image_describe_as(j, d, d->media_type,
                                   d->more_references[i]);
}

/* What a descriptor must have, and no more. */
static void ocitar_i_image_describe_plain(ocitar_i_json *j,
                                          const ocitar_descriptor *d)
{
    ocitar_i_json_open(j, "{");
    ocitar_i_json_digest(j, "digest", &d->digest);
    ocitar_i_json_field(j, "mediaType", d->media_type);
    ocitar_i_json_key(j, "size", 0);
    ocitar_i_json_number(j, d->size);
    ocitar_i_json_close(j, "}");
}

/* The image's layers in the pool, lowest first. */
static const ocitar_descriptor *ocitar_i_image_layers(const ocitar_image *im,
                                                      size_t *count)
{
    const ocitar_index *index = im->index;

    *count = index->count - index->image_start;
    return index->desc.descriptors + index->image_start;
}

static void ocitar_i_image_run_config(ocitar_i_json *j,
                                      const ocitar_image_desc *d)
{
    ocitar_i_json_key(j, "config", 0);
    ocitar_i_json_open(j, "{");
    ocitar_i_json_strings(j, "Cmd", d->cmd, d->cmd_count);
    ocitar_i_json_strings(j, "Entrypoint", d->entrypoint, d->entrypoint_count);
    ocitar_i_json_strings(j, "Env", d->env, d->env_count);
    ocitar_i_json_set(j, "ExposedPorts", d->ports, d->port_count);
    ocitar_i_json_pairs(j, "Labels", d->labels, d->label_count);
    ocitar_i_json_field(j, "StopSignal", d->stop_signal);
    ocitar_i_json_field(j, "User", d->user);
    ocitar_i_json_set(j, "Volumes", d->volumes, d->volume_count);
    ocitar_i_json_field(j, "WorkingDir", d->working_dir);
    ocitar_i_json_close(j, "}");
}

static void ocitar_i_image_history(ocitar_i_json *j,
                                   const ocitar_history *history, size_t count)
{
    size_t i;

    if (count == 0)
        return;
    ocitar_i_json_key(j, "history", 0);
    ocitar_i_json_open(j, "[");
    for (i = 0; i < count; i++) {
        const ocitar_history *h = &history[i];

        ocitar_i_json_open(j, "{");
        ocitar_i_json_field(j, "author", h->author);
        ocitar_i_json_field(j, "comment", h->comment);
        ocitar_i_json_time(j, "created", &h->created);
        ocitar_i_json_field(j, "created_by", h->created_by);
        if (h->empty_layer) {
            ocitar_i_json_key(j, "empty_layer", 0);
            ocitar_i_json_put(j, "true", 4);
            j->comma = 1;
        }
        ocitar_i_json_close(j, "}");
    }
    ocitar_i_json_close(j, "]");
}

static void ocitar_i_image_config(ocitar_i_json *j, const void *subject)
{
    const ocitar_image *im = (const ocitar_image *)subject;
    const ocitar_image_desc *d = &im->desc;
    size_t count, i;
    const ocitar_descriptor *layers = ocitar_i_image_layers(im, &count);

    if (d->config != NULL) {
        ocitar_i_json_put(j, (const char *)d->config, d->config_len);
        return;
    }
    ocitar_i_json_open(j, "{");
    if (d->artifact_type != NULL) {
        ocitar_i_json_close(j, "}");
        return;
    }
    ocitar_i_json_field(j, "architecture", d->platform.architecture);
    ocitar_i_json_field(j, "author", d->author);
    ocitar_i_image_run_config(j, d);
    ocitar_i_json_time(j, "created", &d->created);
    ocitar_i_image_history(j, d->history, d->history_count);
    ocitar_i_json_field(j, "os", d->platform.os);
    ocitar_i_json_strings(j, "os.features", d->platform.os_features,
                          d->platform.os_feature_count);
    ocitar_i_json_field(j, "os.version", d->platform.os_version);
    ocitar_i_json_key(j, "rootfs", 0);
    ocitar_i_json_open(j, "{");
    ocitar_i_json_key(j, "diff_ids", 0);
    ocitar_i_json_open(j, "[");
    for (i = 0; i < count; i++)
        ocitar_i_json_digest(j, NULL, &layers[i].diff_id);
    ocitar_i_json_close(j, "]");
    ocitar_i_json_field(j, "type", "layers");
    ocitar_i_json_close(j, "}");
    ocitar_i_json_field(j, "variant", d->platform.variant);
    ocitar_i_json_close(j, "}");
}

/* The config is described by the slot that the manifest will take. */
static void ocitar_i_image_manifest(ocitar_i_json *j, const void *subject)
{
    const ocitar_image *im = (const ocitar_image *)subject;
    size_t count, i;
    const ocitar_descriptor *layers = ocitar_i_image_layers(im, &count);

    ocitar_i_json_open(j, "{");
    ocitar_i_json_pairs(j, "annotations", im->desc.annotations,
                        im->desc.annotation_count);
    ocitar_i_json_field(j, "artifactType", im->desc.artifact_type);
    ocitar_i_json_key(j, "config", 0);
    ocitar_i_image_describe(j, &layers[count]);
    ocitar_i_json_key(j, "layers", 0);
    ocitar_i_json_open(j, "[");
    for (i = 0; i < count; i++)
        ocitar_i_image_describe_as(
            j, &layers[i],
            ocitar_i_media_type(layers[i].media_type, im->desc.docker_types),
            NULL);
    if (count == 0 && layers[0].kind == OCITAR_I_KIND_EMPTY)
        ocitar_i_image_describe(j, &layers[0]); /* at least one, OCI manifest */
    ocitar_i_json_close(j, "]");
    ocitar_i_json_field(j, "mediaType",
                        ocitar_i_media_type(OCITAR_I_TYPE_MANIFEST,
                                            im->desc.docker_types));
    ocitar_i_json_key(j, "schemaVersion", 0);
    ocitar_i_json_number(j, 2);
    if (im->desc.subject != NULL) {
        ocitar_i_json_key(j, "subject", 0);
        ocitar_i_image_describe_plain(j, im->desc.subject);
    }
    ocitar_i_json_close(j, "}");
}

static void ocitar_i_index_layout_file(ocitar_i_json *j, const void *subject)
{
    (void)subject;
    ocitar_i_json_open(j, "{");
    ocitar_i_json_field(j, "imageLayoutVersion", "1.0.0");
    ocitar_i_json_close(j, "}");
}

/* An index of the images in pool slots, and of nested indexes, whose own
   slots are passed over. */
static void ocitar_i_index_emit(ocitar_i_json *j, const ocitar_pair *pairs,
                                size_t pair_count,
                                const ocitar_descriptor *slots, size_t count,
                                const char *media_type, int inner)
{
    size_t i;

    ocitar_i_json_open(j, "{");
    ocitar_i_json_pairs(j, "annotations", pairs, pair_count);
    ocitar_i_json_key(j, "manifests", 0);
    ocitar_i_json_open(j, "[");
    for (i = 0; i < count; i++) {
        if (slots[i].kind != OCITAR_I_KIND_LAYER && slots[i].raw != NULL &&
            inner)
            ocitar_i_raw_describe(j, &slots[i], NULL, 1);
        else if (slots[i].kind != OCITAR_I_KIND_LAYER)
            ocitar_i_image_describe(j, &slots[i]);
        if (slots[i].kind == OCITAR_I_KIND_NEST)
            i += slots[i].layers;
    }
    ocitar_i_json_close(j, "]");
    ocitar_i_json_field(j, "mediaType", media_type);
    ocitar_i_json_key(j, "schemaVersion", 0);
    ocitar_i_json_number(j, 2);
    ocitar_i_json_close(j, "}");
}

static void ocitar_i_index_json(ocitar_i_json *j, const void *subject)
{
    const ocitar_index *index = (const ocitar_index *)subject;

    ocitar_i_index_emit(j, index->desc.annotations,
                        index->desc.annotation_count, index->desc.descriptors,
                        index->count, OCITAR_I_TYPE_INDEX, 0);
}

/* The nested index that is open. */
static void ocitar_i_index_nested(ocitar_i_json *j, const void *subject)
{
    const ocitar_index *index = (const ocitar_index *)subject;
    const ocitar_descriptor *slot = &index->desc.descriptors[index->nest - 1];

    ocitar_i_index_emit(j, index->nest_annotations,
                        index->nest_annotation_count, slot + 1, slot->layers,
                        slot->media_type, 1);
}

static void ocitar_i_docker_path(ocitar_i_json *j, const ocitar_digest *digest)
{
    char name[OCITAR_I_BLOB_NAME_MAX];

    ocitar_i_json_string(j, name, ocitar_i_blob_name(name, digest));
}

static void ocitar_i_docker_name(ocitar_i_json *j, const char *reference)
{
    ocitar_i_json_map m;

    OCITAR_MEMSET(&m, 0, sizeof m);
    ocitar_i_image_names(reference, &m);
    if (m.own_count > 0)
        ocitar_i_json_string2(j, m.own[0].value,
                              ocitar_i_bytes_length(m.own[0].value, 0), m.tail,
                              ocitar_i_bytes_length(m.tail, 0));
}

static void ocitar_i_docker_image(ocitar_i_json *j, const ocitar_descriptor *d,
                                  const char *reference)
{
    size_t i;

    ocitar_i_json_open(j, "{");
    ocitar_i_json_key(j, "Config", 0);
    ocitar_i_docker_path(j, &d->diff_id);
    ocitar_i_json_key(j, "Layers", 0);
    ocitar_i_json_open(j, "[");
    for (i = d->layers; i > 0; i--)
        ocitar_i_docker_path(j, &d[-(ptrdiff_t)i].digest);
    ocitar_i_json_close(j, "]");
    ocitar_i_json_key(j, "RepoTags", 0);
    ocitar_i_json_open(j, "[");
    ocitar_i_docker_name(j, reference);
    for (i = 0; i < d->more_reference_count; i++)
        ocitar_i_docker_name(j, d->more_references[i]);
    ocitar_i_json_close(j, "]");
    ocitar_i_json_close(j, "}");
}

/* What `docker save` writes and `docker load` reads. It knows no indexes, so
   the name of a nested one goes to the first image without one in it. */
static void ocitar_i_docker_json(ocitar_i_json *j, const void *subject)
{
    const ocitar_index *index = (const ocitar_index *)subject;
    const char *nest = NULL;
    size_t i, nest_end = 0;

    ocitar_i_json_open(j, "[");
    for (i = 0; i < index->count; i++) {
        const ocitar_descriptor *d = &index->desc.descriptors[i];

        if (d->kind == OCITAR_I_KIND_NEST) {
            nest = d->reference;
            nest_end = i + d->layers;
        }
        if (d->kind != OCITAR_I_KIND_IMAGE || d->artifact_type != NULL ||
            d->diff_id.algorithm == 0)
            continue;
        ocitar_i_docker_image(j, d, d->reference != NULL ? d->reference
                                    : i <= nest_end      ? nest
                                                         : NULL);
        if (d->reference == NULL)
            nest = NULL;
    }
    ocitar_i_json_close(j, "]");
}

/* The three files at the root. What can be wrong with their content is found
   before the first of them goes out. */
static int ocitar_i_index_files(ocitar_index *index)
{
    ocitar_layout *l = index->layout;
    ocitar_i_document doc;
    ocitar_digest digest;
    uint64_t size;
    int e;

    OCITAR_MEMSET(&digest, 0, sizeof digest);
    doc.emit_fn = ocitar_i_index_json;
    doc.subject = index;
    e = ocitar_i_document_measure(l, &doc, OCITAR_SHA256, &digest, &size);
    index->digest = digest;
    if (e == OCITAR_OK)
        e = ocitar_i_document_file(l, "oci-layout", 0444,
                                   ocitar_i_index_layout_file, NULL);
    if (e != OCITAR_OK)
        return e;
    if (!index->desc.no_docker)
        e = ocitar_i_document_file(l, "manifest.json", 0644,
                                   ocitar_i_docker_json, index);
    if (e == OCITAR_OK)
        e = ocitar_i_document_file(l, "index.json", 0644, ocitar_i_index_json,
                                   index);
    if (e != OCITAR_OK) /* another index would write them twice */
        ocitar_i_root_poison(ocitar_i_layout_root(l), e,
                             ocitar_i_layout_root(l)->user_code,
                             "a part of the index is out");
    return e;
}

/* The second run of a rehearsal that wants metadata first: the pool still
   holds what the first run found. */
static int ocitar_i_index_ahead(ocitar_index *index)
{
    const ocitar_rehearsal *r = index->layout->rehearsal;
    int e;

    if (r == NULL)
        return OCITAR_E_ARG;
    if (!r->playing)
        return OCITAR_OK;
    if (r->descriptors > index->desc.capacity)
        return OCITAR_E_CHANGED;
    index->count = r->descriptors;
    e = ocitar_i_index_files(index);
    index->count = 0;
    index->ahead = e == OCITAR_OK;
    return e;
}

OCITAR_API int ocitar_index_begin(ocitar_index *index, ocitar_layout *layout,
                                  const ocitar_index_desc *desc)
{
    int e;

    if (index == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(index, 0, sizeof *index);
    if (layout == NULL)
        return OCITAR_E_ARG;
    e = ocitar_i_node_check(&layout->node);
    if (e == OCITAR_OK)
        e = ocitar_i_node_begin(&index->node, &layout->node, 1);
    if (e != OCITAR_OK)
        return e;
    index->layout = layout;
    if (layout->indexed)
        e = OCITAR_E_STATE;
    else if (desc == NULL || (desc->descriptors == NULL && desc->capacity > 0))
        e = OCITAR_E_ARG;
    else
        index->desc = *desc, index->held = layout->indexed = 1;
    if (e == OCITAR_OK && !layout->initialised)
        e = ocitar_layout_init(layout);
    if (e == OCITAR_OK && index->desc.metadata_first)
        e = ocitar_i_index_ahead(index);
    if (e != OCITAR_OK)
        return ocitar_i_layout_fail(
            layout, &index->node, e,
            e == OCITAR_E_ARG ? "index begin: descriptors" : "index begin");
    index->ready = 1;
    return OCITAR_OK;
}

OCITAR_API int ocitar_index_end(ocitar_index *index)
{
    ocitar_layout *l;
    int e;

    if (index == NULL)
        return OCITAR_E_ARG;
    if (index->ready)
        ocitar_i_node_retry(&index->node);
    e = ocitar_i_node_ready(&index->node);
    if (e != OCITAR_OK)
        return e;
    l = index->layout;
    if (index->nest != 0)
        return ocitar_i_layout_report(l, OCITAR_E_STATE, 0,
                                      "index end: a nested index is open");
    if (!index->ahead)
        e = ocitar_i_index_files(index);
    else if (index->count != l->rehearsal->descriptors)
        e = OCITAR_E_CHANGED;
    if (e != OCITAR_OK)
        return ocitar_i_layout_fail(l, &index->node, e,
                                    "index end: oci-layout, manifest.json, "
                                    "index.json");
    if (l->rehearsal != NULL)
        l->rehearsal->descriptors = index->count;
    ocitar_i_node_leave(&index->node, OCITAR_I_DONE);
    return OCITAR_OK;
}

OCITAR_API int ocitar_index_abandon(ocitar_index *index)
{
    if (index == NULL)
        return OCITAR_E_ARG;
    if (index->node.state != OCITAR_I_OPEN)
        return OCITAR_E_STATE;
    if (index->image != NULL)
        ocitar_image_abandon(index->image);
    if (index->held)
        index->layout->indexed = 0;
    if (index->ahead) /* index.json is out, and promises what is not there */
        ocitar_i_root_poison(ocitar_i_layout_root(index->layout),
                             OCITAR_E_STATE, 0,
                             "an index whose metadata went first was given up");
    ocitar_i_node_leave(&index->node, OCITAR_I_GONE);
    return ocitar_i_node_forgiven(&index->node);
}

OCITAR_API const ocitar_digest *ocitar_index_digest(const ocitar_index *index)
{
    return index == NULL || index->digest.algorithm == 0 ||
                   (!index->ahead && index->node.state != OCITAR_I_DONE)
               ? NULL
               : &index->digest;
}

/* -- nested indexes -- */

/* Metadata first: its slot is that of the first run, and the blob goes out
   before what it refers to. */
static int ocitar_i_index_nest_ahead(ocitar_index *index,
                                     const ocitar_descriptor *now,
                                     uint8_t algorithm)
{
    ocitar_descriptor *slot = &index->desc.descriptors[index->count];
    ocitar_digest digest;
    uint64_t size;
    int e;

    if (index->count >= index->layout->rehearsal->descriptors ||
        slot->kind != OCITAR_I_KIND_NEST ||
        slot->media_type != now->media_type ||
        slot->digest.algorithm != algorithm)
        return OCITAR_E_CHANGED;
    e = ocitar_i_document_blob(index->layout, algorithm,
                               ocitar_i_index_nested, index, &digest, &size);
    if (e == OCITAR_OK && !ocitar_digest_equal(&digest, &slot->digest))
        e = OCITAR_E_CHANGED;
    return e;
}

static int ocitar_i_index_nest_begin(ocitar_index *index,
                                     const ocitar_nest_desc *desc)
{
    ocitar_descriptor now;
    int e = OCITAR_OK;

    OCITAR_MEMSET(&now, 0, sizeof now);
    now.kind = OCITAR_I_KIND_NEST;
    now.digest.algorithm = OCITAR_SHA256;
    now.media_type = OCITAR_I_TYPE_INDEX;
    if (desc != NULL) {
        now.reference = desc->reference;
        now.annotations = desc->descriptor_annotations;
        now.annotation_count = desc->descriptor_annotation_count;
        now.media_type = ocitar_i_media_type(now.media_type,
                                             desc->docker_types);
        if (desc->algorithm != 0)
            now.digest.algorithm = desc->algorithm;
        index->nest_annotations = desc->annotations;
        index->nest_annotation_count = desc->annotation_count;
    }
    index->nest = index->count + 1;
    if (index->ahead)
        e = ocitar_i_index_nest_ahead(index, &now, now.digest.algorithm);
    else
        index->desc.descriptors[index->count] = now;
    if (e == OCITAR_OK)
        index->count++;
    else
        index->nest = 0;
    return e;
}

static int ocitar_i_image_reference_ok(const char *text)
{
    ocitar_reference ref;

    return text == NULL ||
           (ocitar_reference_parse(&ref, text, 0) == OCITAR_OK &&
            ref.digest == NULL);
}

OCITAR_API int ocitar_index_nest(ocitar_index *index,
                                 const ocitar_nest_desc *desc)
{
    int e;

    if (index == NULL)
        return OCITAR_E_ARG;
    if (index->nest == 0 && index->ready)
        ocitar_i_node_retry(&index->node);
    e = ocitar_i_node_check(&index->node);
    if (e != OCITAR_OK)
        return e;
    if (index->nest != 0 || index->image != NULL)
        return ocitar_i_layout_report(index->layout, OCITAR_E_STATE, 0,
                                      "index nest");
    ocitar_i_layout_root(index->layout)->user_code = 0;
    if (desc != NULL && (!ocitar_i_image_reference_ok(desc->reference) ||
                         (desc->docker_types && desc->annotation_count > 0)))
        e = OCITAR_E_ARG;
    else if (desc != NULL && desc->algorithm != 0 &&
             ocitar_digest_length(desc->algorithm) == 0)
        e = OCITAR_E_UNSUPPORTED;
    else if (index->count >= index->desc.capacity)
        e = OCITAR_E_LIMIT;
    else
        e = ocitar_i_index_nest_begin(index, desc);
    if (e != OCITAR_OK)
        return ocitar_i_layout_fail(index->layout, &index->node, e,
                                    e == OCITAR_E_LIMIT
                                        ? "index nest: descriptors"
                                        : "index nest");
    return OCITAR_OK;
}

/* The slot is complete only now: how many are below it, and the digest. */
static int ocitar_i_index_nest_end(ocitar_index *index)
{
    ocitar_descriptor *slot = &index->desc.descriptors[index->nest - 1];
    size_t below = index->count - index->nest;

    if (below > UINT16_MAX)
        return OCITAR_E_LIMIT;
    if (index->ahead)
        return below == slot->layers ? (int)OCITAR_OK : (int)OCITAR_E_CHANGED;
    slot->layers = (uint16_t)below;
    return ocitar_i_document_blob(index->layout, slot->digest.algorithm,
                                  ocitar_i_index_nested, index, &slot->digest,
                                  &slot->size);
}

OCITAR_API int ocitar_index_unnest(ocitar_index *index)
{
    int e;

    if (index == NULL)
        return OCITAR_E_ARG;
    if (index->nest != 0)
        ocitar_i_node_retry(&index->node);
    e = ocitar_i_node_ready(&index->node);
    if (e != OCITAR_OK)
        return e;
    if (index->nest == 0)
        return ocitar_i_layout_report(index->layout, OCITAR_E_STATE, 0,
                                      "index unnest: none is open");
    e = ocitar_i_index_nest_end(index);
    if (e != OCITAR_OK)
        return ocitar_i_layout_fail(index->layout, &index->node, e,
                                    "index unnest");
    index->nest = 0;
    return OCITAR_OK;
}

static int ocitar_i_raw_token(void *user, int token, const char *text,
                              size_t len)
{
    (void)user;
    (void)token;
    (void)text;
    (void)len;
    return OCITAR_OK;
}

/* An object whose names can be compared as they stand: none is written with
   escapes, none is there twice, and they are not too many for that. */
static int ocitar_i_raw_plain(const char *s, size_t len)
{
    ocitar_pair a, b;
    size_t at = 0, again, n = 0;

    while (ocitar_i_raw_next(s, len, &at, &a)) {
        if (++n > 512)
            return OCITAR_E_LIMIT;
        if (ocitar_i_bytes_has(a.key, a.key_len, '\\'))
            return OCITAR_E_FORMAT;
        again = 0;
        while (ocitar_i_raw_next(s, len, &again, &b) && b.key != a.key)
            if (ocitar_i_bytes_equal(a.key, a.key_len, b.key, b.key_len))
                return OCITAR_E_DUPLICATE;
    }
    return OCITAR_OK;
}

/* JSON that others wrote, before any of it is put into an index. */
static int ocitar_i_raw_check(const char *s, size_t len)
{
    ocitar_json j;
    ocitar_pair p;
    char buffer[16];
    int e;

    OCITAR_MEMSET(&j, 0, sizeof j);
    j.token_fn = ocitar_i_raw_token;
    j.buffer = buffer;
    j.capacity = sizeof buffer;
    e = len == 0 || s[0] != '{' ? (int)OCITAR_E_FORMAT
                                : ocitar_json_begin(&j);
    if (e == OCITAR_OK)
        e = ocitar_json_push(&j, s, len);
    if (e == OCITAR_OK)
        e = ocitar_json_end(&j);
    if (e == OCITAR_OK)
        e = ocitar_i_raw_plain(s, len);
    if (e == OCITAR_OK && ocitar_i_raw_find(s, len, "annotations", &p) &&
        p.value_len > 0 && p.value[0] == '{')
        e = ocitar_i_raw_plain(p.value, p.value_len);
    return e;
}

/* A descriptor for a pool, from a caller. */
static int ocitar_i_image_described(const ocitar_descriptor *d)
{
    ocitar_digest digest;
    int e;

    if (d == NULL || !ocitar_i_name_media_type_ok(d->media_type, 0) ||
        ocitar_digest_length(d->digest.algorithm) == 0 ||
        (d->diff_id.algorithm != 0 &&
         ocitar_digest_length(d->diff_id.algorithm) == 0) ||
        (d->artifact_type != NULL &&
         !ocitar_i_name_media_type_ok(d->artifact_type, 0)) ||
        (d->platform.architecture == NULL && d->platform.os != NULL))
        return OCITAR_E_ARG;
    if (d->size > INT64_MAX)
        return OCITAR_E_RANGE;
    if (d->data == NULL)
        return OCITAR_OK;
    if (d->size > OCITAR_DATA_MAX)
        return OCITAR_E_LIMIT;
    e = ocitar_digest_of(&digest, d->digest.algorithm, d->data,
                         (size_t)d->size);
    if (e == OCITAR_OK && !ocitar_digest_equal(&digest, &d->digest))
        e = OCITAR_E_DIGEST;
    return e;
}

/* Puts a slot into the pool, or compares it with the one that metadata first
   promised. */
static int ocitar_i_index_slot(ocitar_index *index,
                               const ocitar_descriptor *d, uint8_t kind,
                               uint16_t layers)
{
    ocitar_descriptor *slot = &index->desc.descriptors[index->count];

    if (index->ahead &&
        (index->count >= index->layout->rehearsal->descriptors ||
         slot->kind != kind || !ocitar_digest_equal(&slot->digest,
                                                    &d->digest)))
        return OCITAR_E_CHANGED;
    *slot = *d;
    slot->kind = kind;
    slot->layers = layers;
    if (slot->platform.architecture != NULL && slot->platform.os == NULL)
        slot->platform.os = "linux";
    index->count++;
    return OCITAR_OK;
}

static int ocitar_i_image_same_text(const char *a, const char *b)
{
    return ocitar_i_bytes_equal(a, ocitar_i_bytes_length(a, 0), b,
                                ocitar_i_bytes_length(b, 0));
}

/* Are a manifest's names good, and none there twice? */
static int ocitar_i_image_references_ok(const char *reference,
                                        const char *const *more, size_t count)
{
    size_t i, k;

    if (!ocitar_i_image_reference_ok(reference) ||
        (count > 0 && (more == NULL || reference == NULL)) ||
        count > UINT16_MAX)
        return 0;
    for (i = 0; i < count; i++) {
        if (more[i] == NULL || !ocitar_i_image_reference_ok(more[i]) ||
            ocitar_i_image_same_text(reference, more[i]))
            return 0;
        for (k = 0; k < i; k++)
            if (ocitar_i_image_same_text(more[k], more[i]))
                return 0;
    }
    return 1;
}

OCITAR_API int ocitar_index_add(ocitar_index *index,
                                const ocitar_descriptor *manifest,
                                const ocitar_descriptor *layers,
                                size_t layer_count)
{
    size_t i, start;
    int e;

    if (index == NULL)
        return OCITAR_E_ARG;
    e = ocitar_i_node_check(&index->node);
    if (e != OCITAR_OK)
        return e;
    if (index->image != NULL)
        return ocitar_i_layout_report(index->layout, OCITAR_E_STATE, 0,
                                      "index add: an image is open");
    start = index->count;
    ocitar_i_layout_root(index->layout)->user_code = 0;
    e = ocitar_i_image_described(manifest);
    if (e == OCITAR_OK && manifest->raw != NULL)
        e = ocitar_i_raw_check(manifest->raw, manifest->raw_len);
    if (e == OCITAR_OK &&
        (!ocitar_i_image_references_ok(manifest->reference,
                                       manifest->more_references,
                                       manifest->more_reference_count) ||
         (layers == NULL && layer_count > 0)))
        e = OCITAR_E_ARG;
    if (e == OCITAR_OK && (index->desc.capacity - start <= layer_count ||
                           layer_count > UINT16_MAX))
        e = OCITAR_E_LIMIT;
    for (i = 0; e == OCITAR_OK && i < layer_count; i++)
        e = ocitar_digest_length(layers[i].digest.algorithm) == 0
                ? (int)OCITAR_E_ARG
                : ocitar_i_index_slot(index, &layers[i], OCITAR_I_KIND_LAYER,
                                      0);
    if (e == OCITAR_OK)
        e = ocitar_i_index_slot(index, manifest, OCITAR_I_KIND_IMAGE,
                                (uint16_t)layer_count);
    if (e == OCITAR_OK)
        return e;
    index->count = start;
    return ocitar_i_layout_fail(index->layout, &index->node, e,
                                e == OCITAR_E_LIMIT ? "index add: descriptors"
                                                    : "index add");
}

/* -- images -- */

/* "NAME=VALUE", each. */
static int ocitar_i_image_env_ok(const ocitar_image_desc *d)
{
    size_t i, n;

    for (i = 0; i < d->env_count; i++) {
        if (d->env == NULL || d->env[i] == NULL)
            return 0;
        n = ocitar_i_bytes_length(d->env[i], 0);
        if (d->env[i][0] == '=' || !ocitar_i_bytes_has(d->env[i], n, '='))
            return 0;
    }
    return 1;
}

static int ocitar_i_image_ports_ok(const ocitar_image_desc *d)
{
    size_t i;

    for (i = 0; i < d->port_count; i++)
        if (d->ports == NULL || !ocitar_i_name_port_ok(d->ports[i]))
            return 0;
    return 1;
}

/* OCI manifest: the empty config is {}, and only an artifact has it. */
static int ocitar_i_image_empty_ok(const ocitar_image_desc *d)
{
    return d->config == NULL || d->config_media_type == NULL ||
           !ocitar_i_image_same_text(d->config_media_type,
                                     OCITAR_I_TYPE_EMPTY) ||
           (d->artifact_type != NULL && d->config_len == 2 &&
            OCITAR_MEMCMP(d->config, "{}", 2) == 0);
}

/* The field that cannot be, or NULL. */
static const char *ocitar_i_image_desc_bad(const ocitar_image_desc *d)
{
    if (d == NULL)
        return "image begin: description";
    if (!ocitar_i_image_env_ok(d))
        return "image begin: env";
    if (d->history_count > 0 && d->history == NULL)
        return "image begin: history";
    if (!ocitar_i_image_ports_ok(d))
        return "image begin: ports";
    if (!ocitar_i_image_references_ok(d->reference, d->more_references,
                                      d->more_reference_count))
        return "image begin: reference";
    if (d->artifact_type != NULL &&
        !ocitar_i_name_media_type_ok(d->artifact_type, 0))
        return "image begin: artifact type";
    if (d->subject != NULL &&
        (!ocitar_i_name_media_type_ok(d->subject->media_type, 0) ||
         ocitar_digest_length(d->subject->digest.algorithm) == 0 ||
         d->subject->size > INT64_MAX))
        return "image begin: subject";
    if ((d->config == NULL && d->config_len > 0) ||
        (d->config_media_type != NULL &&
         !ocitar_i_name_media_type_ok(d->config_media_type, 0)) ||
        !ocitar_i_image_empty_ok(d))
        return "image begin: config";
    if (d->docker_types && (d->artifact_type != NULL || d->subject != NULL ||
                            d->annotation_count > 0))
        return "image begin: docker types have no annotations, artifact type "
               "or subject";
    return NULL;
}

/* Measures one document, or writes it too. */
static int ocitar_i_image_document(ocitar_image *image, int write,
                                   ocitar_i_document_fn emit_fn,
                                   ocitar_descriptor *out)
{
    ocitar_layout *l = image->index->layout;
    uint8_t algorithm = image->desc.algorithm != 0 ? image->desc.algorithm
                                                   : (uint8_t)OCITAR_SHA256;
    ocitar_i_document doc;

    doc.emit_fn = emit_fn;
    doc.subject = image;
    if (write)
        return ocitar_i_document_blob(l, algorithm, emit_fn, image,
                                      &out->digest, &out->size);
    return ocitar_i_document_measure(l, &doc, algorithm, &out->digest,
                                     &out->size);
}

/* Measures config and manifest from the pool's layers, or writes them too,
   and describes the image in `out`. The slot after the layers describes the
   config meanwhile. */
static int ocitar_i_image_documents(ocitar_image *image, int write,
                                    ocitar_descriptor *out)
{
    ocitar_index *index = image->index;
    ocitar_descriptor *slot = &index->desc.descriptors[index->count];
    const uint8_t algorithm = image->desc.algorithm != 0
                                  ? image->desc.algorithm
                                  : (uint8_t)OCITAR_SHA256;
    const int manifest = write;
    int empty, e;

    OCITAR_MEMSET(slot, 0, sizeof *slot);
    OCITAR_MEMSET(out, 0, sizeof *out);
    if (image->desc.config != NULL)
        slot->media_type = image->desc.config_media_type;
    else if (image->desc.artifact_type != NULL) {
        slot->media_type = OCITAR_I_TYPE_EMPTY;
        slot->kind = OCITAR_I_KIND_EMPTY;
    }
    if (slot->media_type == NULL)
        slot->media_type = ocitar_i_media_type(OCITAR_I_TYPE_CONFIG,
                                               image->desc.docker_types);
    empty = slot->kind == OCITAR_I_KIND_EMPTY && write;
    if (empty && index->empty & algorithm) /* once for all */
        write = 0;
    e = ocitar_i_image_document(image, write, ocitar_i_image_config, out);
    if (e == OCITAR_OK && empty)
        index->empty |= algorithm;
    if (e != OCITAR_OK)
        return ocitar_i_layout_fail(index->layout, &image->node, e,
                                    "image: its config");
    slot->digest = out->digest;
    slot->size = out->size;
    e = ocitar_i_image_document(image, manifest, ocitar_i_image_manifest,
                                out);
    out->diff_id = slot->digest;
    out->media_type = ocitar_i_media_type(OCITAR_I_TYPE_MANIFEST,
                                          image->desc.docker_types);
    out->reference = image->desc.reference;
    out->more_references = image->desc.more_references;
    out->more_reference_count = (uint16_t)image->desc.more_reference_count;
    out->annotations = image->desc.descriptor_annotations;
    out->annotation_count = image->desc.descriptor_annotation_count;
    out->platform = image->desc.platform;
    out->artifact_type = image->desc.artifact_type;
    out->layers = (uint16_t)(index->count - index->image_start);
    out->kind = OCITAR_I_KIND_IMAGE;
    if (e != OCITAR_OK)
        ocitar_i_layout_fail(index->layout, &image->node, e,
                             "image: its manifest");
    return e;
}

/* Metadata first: the image's documents are those of the first run, or the
   index that went out is wrong. */
static int ocitar_i_image_ahead(ocitar_image *image)
{
    ocitar_index *index = image->index;
    ocitar_descriptor now, then;
    size_t end = index->count;
    int e;

    while (end < index->layout->rehearsal->descriptors &&
           index->desc.descriptors[end].kind != OCITAR_I_KIND_IMAGE)
        end++;
    if (end >= index->layout->rehearsal->descriptors)
        return OCITAR_E_CHANGED;
    then = index->desc.descriptors[end];
    index->image_end = end;
    index->count = end;
    e = ocitar_i_image_documents(image, 0, &now);
    if (e == OCITAR_OK && !ocitar_digest_equal(&now.digest, &then.digest))
        e = OCITAR_E_CHANGED;
    if (e == OCITAR_OK)
        e = ocitar_i_image_documents(image, 1, &now);
    index->count = index->image_start;
    index->desc.descriptors[end] = then;
    return e;
}

/* Puts a layer into its slot, which metadata that went out may have filled. */
static int ocitar_i_image_add(ocitar_image *image,
                              const ocitar_descriptor *layer)
{
    ocitar_index *index = image->index;
    ocitar_descriptor *slot = &index->desc.descriptors[index->count];

    if (index->ahead &&
        (index->count >= index->image_end ||
         !ocitar_digest_equal(&slot->digest, &layer->digest)))
        return OCITAR_E_CHANGED;
    *slot = *layer;
    slot->reference = NULL;
    slot->more_reference_count = 0;
    slot->raw = NULL;
    slot->kind = OCITAR_I_KIND_LAYER;
    slot->layers = 0;
    index->count++;
    return OCITAR_OK;
}

OCITAR_API int ocitar_image_begin(ocitar_image *image, ocitar_index *index,
                                  const ocitar_image_desc *desc)
{
    const char *bad;
    int e;

    if (image == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(image, 0, sizeof *image);
    if (index == NULL)
        return OCITAR_E_ARG;
    e = ocitar_i_node_check(&index->node);
    if (e == OCITAR_OK)
        e = ocitar_i_node_begin(&image->node, &index->node, 1);
    if (e != OCITAR_OK)
        return e;
    image->index = index;
    bad = ocitar_i_image_desc_bad(desc);
    if (index->image != NULL)
        e = ocitar_i_node_fail(&image->node, OCITAR_E_STATE, 0,
                               "image begin: another image is open");
    else if (bad != NULL)
        e = ocitar_i_node_fail(&image->node, OCITAR_E_ARG, 0, bad);
    else if (desc->algorithm != 0 &&
             ocitar_digest_length(desc->algorithm) == 0)
        e = ocitar_i_node_fail(&image->node, OCITAR_E_UNSUPPORTED, 0,
                               "image begin: algorithm");
    else if (index->count >= index->desc.capacity)
        e = ocitar_i_node_fail(&image->node, OCITAR_E_LIMIT, 0,
                               "image begin: descriptors");
    if (e != OCITAR_OK)
        return e;
    image->desc = *desc;
    if (desc->platform.architecture == NULL && desc->artifact_type == NULL)
        image->desc.platform.architecture = ocitar_i_image_architecture();
    if (image->desc.platform.architecture == NULL &&
        desc->artifact_type == NULL)
        return ocitar_i_node_fail(&image->node, OCITAR_E_ARG, 0,
                                  "image begin: architecture");
    if (desc->platform.os == NULL)
        image->desc.platform.os = "linux";
    index->image = image;
    index->image_start = index->count;
    e = index->ahead ? ocitar_i_image_ahead(image) : (int)OCITAR_OK;
    if (e != OCITAR_OK)
        return ocitar_i_layout_fail(index->layout, &image->node, e,
                                    "image begin");
    image->ready = 1;
    return OCITAR_OK;
}

/* Is there room in the pool for a layer, and for the image after it? */
static int ocitar_i_image_room(ocitar_image *image)
{
    const ocitar_index *index = image->index;

    return index->desc.capacity - index->count >= 2 &&
           index->count - index->image_start < UINT16_MAX;
}

OCITAR_API int ocitar_image_layer(ocitar_image *image,
                                  const ocitar_descriptor *layer)
{
    int e;

    if (image == NULL)
        return OCITAR_E_ARG;
    e = ocitar_i_node_check(&image->node);
    if (e != OCITAR_OK)
        return e;
    if (image->node.open > 0)
        return OCITAR_E_STATE;
    e = ocitar_i_image_described(layer);
    if (e == OCITAR_OK && layer->diff_id.algorithm == 0 &&
        image->desc.artifact_type == NULL)
        e = OCITAR_E_ARG;
    if (e != OCITAR_OK)
        return ocitar_i_node_fail(
            &image->node, e, 0,
            e == OCITAR_E_ARG ? "image layer: media type, digest, diffID"
                              : "image layer: data");
    if (!ocitar_i_image_room(image))
        return ocitar_i_node_differ(&image->node, OCITAR_E_LIMIT,
                                    "image layer: descriptors",
                                    image->index->desc.capacity,
                                    image->index->desc.capacity + 1);
    e = ocitar_i_image_add(image, layer);
    if (e != OCITAR_OK)
        return ocitar_i_node_fail(&image->node, e, 0, "image layer");
    return OCITAR_OK;
}

OCITAR_API int ocitar_image_end(ocitar_image *image)
{
    ocitar_descriptor now;
    ocitar_index *index;
    int e;

    if (image == NULL)
        return OCITAR_E_ARG;
    if (image->ready)
        ocitar_i_node_retry(&image->node);
    e = ocitar_i_node_ready(&image->node);
    if (e != OCITAR_OK)
        return e;
    index = image->index;
    if (!index->ahead)
        e = ocitar_i_image_documents(image, 1, &now);
    else if (index->count != index->image_end)
        e = OCITAR_E_CHANGED; /* fewer layers than in the first run */
    if (e != OCITAR_OK)
        return ocitar_i_layout_fail(index->layout, &image->node, e,
                                    "image end");
    image->descriptor = &index->desc.descriptors[index->count];
    if (!index->ahead)
        index->desc.descriptors[index->count] = now;
    index->count++;
    index->image = NULL;
    ocitar_i_node_leave(&image->node, OCITAR_I_DONE);
    return OCITAR_OK;
}

OCITAR_API int ocitar_image_abandon(ocitar_image *image)
{
    if (image == NULL)
        return OCITAR_E_ARG;
    if (image->node.state != OCITAR_I_OPEN)
        return OCITAR_E_STATE;
    if (image->layer != NULL)
        image->layer_fn(image->layer);
    image->layer = NULL;
    if (image->index->image == image) {
        image->index->image = NULL;
        image->index->count = image->index->image_start;
    }
    ocitar_i_node_leave(&image->node, OCITAR_I_GONE);
    return ocitar_i_node_forgiven(&image->node);
}

OCITAR_API const ocitar_descriptor *
ocitar_image_descriptor(const ocitar_image *image)
{
    if (image == NULL || image->node.state != OCITAR_I_DONE)
        return NULL;
    return image->descriptor;
}

OCITAR_API int ocitar_chain_id(ocitar_digest *out, const ocitar_digest *below,
                               const ocitar_digest *diff_id)
{
    char text[2 * OCITAR_DIGEST_TEXT_MAX];
    ocitar_digest chain;
    size_t n;

    if (out == NULL || diff_id == NULL ||
        ocitar_digest_length(diff_id->algorithm) == 0 ||
        (below != NULL && below->algorithm != 0 &&
         ocitar_digest_length(below->algorithm) == 0))
        return OCITAR_E_ARG;
    chain = *diff_id; /* `out` may be `below` */
    if (below != NULL && below->algorithm != 0) {
        n = ocitar_digest_format(below, text);
        text[n++] = ' ';
        n += ocitar_digest_format(diff_id, text + n);
        ocitar_digest_of(&chain, OCITAR_SHA256, text, n);
    }
    *out = chain;
    return OCITAR_OK;
}

OCITAR_API int ocitar_image_chain_id(const ocitar_image *image,
                                     ocitar_digest *out)
{
    const ocitar_descriptor *layers;
    size_t count, i;

    if (image == NULL || out == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(out, 0, sizeof *out);
    if (image->descriptor != NULL) {
        count = image->descriptor->layers;
        layers = image->descriptor - count;
    } else if (image->ready && image->index->image == image) {
        layers = ocitar_i_image_layers(image, &count);
    } else {
        return OCITAR_E_STATE;
    }
    for (i = 0; i < count; i++)
        if (ocitar_chain_id(out, out, &layers[i].diff_id) != OCITAR_OK)
            return OCITAR_E_STATE;
    return count > 0 ? (int)OCITAR_OK : (int)OCITAR_E_STATE;
}

#endif /* OCITAR_I_IMAGES */

/* ==== layer =============================================================
   A root file system as one tar, written straight into a blob. Calls tar,
   layout, image, errors, bytes. */

#if OCITAR_I_IMAGES

static int ocitar_i_layer_check(ocitar_layer *layer)
{
    return layer == NULL ? (int)OCITAR_E_ARG
                         : ocitar_i_node_check(&layer->blob.node);
}

static int ocitar_i_layer_fail(ocitar_layer *layer, int code,
                               const char *subject)
{
    return ocitar_i_node_fail(&layer->blob.node, code, 0, subject);
}

/* Ends the codec: well, or (put_fn NULL) because the layer was given up. */
static int ocitar_i_layer_uncode(ocitar_layer *layer,
                                 int (*put_fn)(void *, const void *, size_t),
                                 void *put_user)
{
    const ocitar_codec *codec = layer->desc.codec;

    if (!layer->coding)
        return 0;
    layer->coding = 0;
    return codec->end_fn(codec->user, put_fn, put_user);
}

static int ocitar_i_layer_give_up(void *user)
{
    ocitar_layer *layer = (ocitar_layer *)user;

    ocitar_i_layer_uncode(layer, NULL, NULL);
    return ocitar_i_blob_abandon(&layer->blob);
}

/* Where the codec's output goes: the blob, or of a raw layer the diffID. */
static int ocitar_i_layer_put_blob(void *user, const void *data, size_t len)
{
    return ocitar_blob_write((ocitar_blob *)user, data, len);
}

static int ocitar_i_layer_put_diff(void *user, const void *data, size_t len)
{
    return ocitar_digester_update((ocitar_digester *)user, data, len);
}

static int ocitar_i_layer_code_begin(ocitar_layer *layer)
{
    const ocitar_codec *codec = layer->desc.codec;
    int code;

    if (codec == NULL)
        return OCITAR_OK;
    ocitar_i_digester_begin(&layer->diff, OCITAR_SHA256, NULL,
                            layer->blob.layout->kernel);
    code = codec->begin_fn(codec->user);
    layer->coding = code == 0;
    return code == 0 ? (int)OCITAR_OK
                     : ocitar_i_node_fail(&layer->blob.node, OCITAR_E_CODEC,
                                          code, "layer begin: codec");
}

OCITAR_API int ocitar_layer_begin(ocitar_layer *layer, ocitar_image *image,
                                  const ocitar_layer_desc *desc)
{
    int e;

    if (layer == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(layer, 0, sizeof *layer);
    if (image == NULL)
        return OCITAR_E_ARG;
    e = ocitar_i_node_check(&image->node);
    if (e != OCITAR_OK)
        return e;
    if (desc != NULL)
        layer->desc = *desc;
    if (layer->desc.media_type == NULL)
        layer->desc.media_type = layer->desc.codec != NULL
                                     ? layer->desc.codec->media_type
                                     : OCITAR_I_TYPE_LAYER;
    layer->image = image;
    if (image->layer != NULL || !ocitar_i_image_room(image) ||
        layer->desc.raw > OCITAR_RAW_TAR ||
        !ocitar_i_name_media_type_ok(layer->desc.media_type, 0)) {
        ocitar_i_node_begin(&layer->blob.node, &image->node, 1);
        if (layer->desc.raw > OCITAR_RAW_TAR ||
            !ocitar_i_name_media_type_ok(layer->desc.media_type, 0))
            return ocitar_i_layer_fail(layer, OCITAR_E_ARG,
                                       "layer begin: raw or media type");
        if (image->layer == NULL)
            return ocitar_i_layer_fail(layer, OCITAR_E_LIMIT,
                                       "layer begin: descriptors");
        return ocitar_i_layer_fail(layer, OCITAR_E_STATE,
                                   "layer begin: another layer is open");
    }
    if (layer->desc.paths != NULL)
        OCITAR_MEMSET(layer->desc.paths, 0,
                      (size_t)layer->desc.path_count * sizeof(ocitar_key));
    e = ocitar_i_blob_begin(&layer->blob, image->index->layout, &image->node,
                            1, layer->desc.algorithm, &layer->desc.wait);
    if (e != OCITAR_OK)
        return e;
    image->layer = layer;
    image->layer_fn = ocitar_i_layer_give_up;
    return ocitar_i_blob_torn(&layer->blob, ocitar_i_layer_code_begin(layer));
}

/* What the codec returned: 0, what its put returned, or its own. */
static int ocitar_i_layer_coded(ocitar_layer *layer, int code)
{
    if (layer->blob.node.error != 0)
        return layer->blob.node.error;
    if (code == 0)
        return OCITAR_OK;
    return ocitar_i_blob_torn(
        &layer->blob, ocitar_i_node_fail(&layer->blob.node, OCITAR_E_CODEC,
                                         code, "layer: codec"));
}

/* Bytes of the layer as the caller means them. */
static int ocitar_i_layer_out(ocitar_layer *layer, const void *data,
                              size_t len)
{
    const ocitar_codec *codec = layer->desc.codec;
    int e = OCITAR_OK;

    layer->size += len;
    if (codec == NULL || layer->desc.raw == OCITAR_RAW_BLOB)
        e = ocitar_blob_write(&layer->blob, data, len);
    if (codec == NULL || e != OCITAR_OK || len == 0)
        return e;
    if (layer->desc.raw == OCITAR_RAW_BLOB)
        return ocitar_i_layer_coded(
            layer, codec->write_fn(codec->user, data, len,
                                   ocitar_i_layer_put_diff, &layer->diff));
    ocitar_digester_update(&layer->diff, data, len);
    return ocitar_i_layer_coded(
        layer, codec->write_fn(codec->user, data, len,
                               ocitar_i_layer_put_blob, &layer->blob));
}

#ifdef OCITAR_SMALL
enum { OCITAR_I_ZEROS = 32 };
#else
enum { OCITAR_I_ZEROS = 512 };
#endif

static int ocitar_i_layer_zeros(ocitar_layer *layer, size_t len)
{
    static const uint8_t zeros[OCITAR_I_ZEROS] = { 0 };
    size_t n;
    int e = OCITAR_OK;

    for (; e == OCITAR_OK && len > 0; len -= n) {
        n = len < sizeof zeros ? len : sizeof zeros;
        e = ocitar_i_layer_out(layer, zeros, n);
    }
    return e;
}

/* Is the entry before complete? */
static int ocitar_i_layer_complete(ocitar_layer *layer)
{
    uint64_t size = (uint64_t)layer->entry_size;

    if (layer->left == 0)
        return OCITAR_OK;
    return ocitar_i_blob_torn(
        &layer->blob,
        ocitar_i_node_differ(&layer->blob.node, OCITAR_E_SIZE,
                             "layer entry: body too short", size,
                             size - layer->left));
}

/* Neither the entry nor what it is a hard link to may leave the root. Where a
   symbolic link leads is for whoever follows it. */
static int ocitar_i_layer_names_ok(const ocitar_entry *e)
{
    return ocitar_i_name_ok(
               e->name, ocitar_i_bytes_length(e->name, e->name_len)) &&
           (e->typeflag != '1' ||
            ocitar_i_name_ok(
                e->linkname,
                ocitar_i_bytes_length(e->linkname, e->linkname_len)));
}

static int ocitar_i_layer_has(const ocitar_layer *layer, const char *name,
                              size_t len, ocitar_digest *digest,
                              ocitar_key **slot)
{
    ocitar_i_name_key(name, len, layer->blob.layout->kernel, digest);
    *slot = ocitar_i_keys_slot(layer->desc.paths, layer->desc.path_count,
                               digest);
    return *slot != NULL &&
           OCITAR_MEMCMP((*slot)->bytes, digest->bytes, 32) == 0;
}

/* OCI layer: no path twice; a hard link's target is in the layer. */
static OCITAR_I_APART int ocitar_i_layer_paths(ocitar_layer *layer,
                                               const ocitar_entry *e)
{
    size_t len = ocitar_i_bytes_length(e->name, e->name_len);
    size_t link_len = ocitar_i_bytes_length(e->linkname, e->linkname_len);
    ocitar_digest digest;
    ocitar_key *slot;

    if (layer->desc.paths == NULL)
        return OCITAR_OK;
    if (layer->desc.path_count == 0)
        return OCITAR_E_LIMIT;
    if (e->typeflag == '1' &&
        !ocitar_i_layer_has(layer, e->linkname, link_len, &digest, &slot))
        return OCITAR_E_LINK;
    if (ocitar_i_layer_has(layer, e->name, len, &digest, &slot))
        return OCITAR_E_DUPLICATE;
    if (slot == NULL)
        return OCITAR_E_LIMIT;
    OCITAR_MEMCPY(slot->bytes, digest.bytes, 32);
    return OCITAR_OK;
}

static OCITAR_I_APART int ocitar_i_layer_head(ocitar_layer *layer,
                                              ocitar_encoder *encoder)
{
    uint8_t block[512];
    int e = OCITAR_OK;

    while (e == OCITAR_OK && ocitar_encoder_next(encoder, block))
        e = ocitar_i_layer_out(layer, block, sizeof block);
    return e;
}

static int ocitar_i_layer_add(ocitar_layer *layer, const ocitar_entry *entry,
                              int whiteout)
{
    ocitar_encoder enc;
    size_t len;
    int e = ocitar_i_layer_check(layer);

    if (e != OCITAR_OK)
        return e;
    e = ocitar_i_layer_complete(layer);
    if (e != OCITAR_OK)
        return e;
    len = entry != NULL ? ocitar_i_bytes_length(entry->name, entry->name_len)
                        : 0;
    if (entry == NULL || layer->desc.raw || entry->typeflag == 'g' ||
        entry->typeflag == 'S')
        e = OCITAR_E_ARG;
    else if (!ocitar_i_layer_names_ok(entry))
        e = OCITAR_E_NAME;
    else if (ocitar_i_name_in_whiteout(entry->name, len) ||
             (!whiteout && ocitar_i_name_is_whiteout(entry->name, len)))
        e = OCITAR_E_WHITEOUT;
    else
        e = ocitar_encoder_begin(&enc, entry);
    if (e == OCITAR_OK)
        e = ocitar_i_layer_paths(layer, entry);
    if (e != OCITAR_OK)
        return ocitar_i_blob_torn(
            &layer->blob, ocitar_i_layer_fail(layer, e, "layer entry"));
    e = ocitar_i_layer_head(layer, &enc);
    layer->entry_size =
        ocitar_i_tar_has_body(enc.typeflag) ? entry->size : 0;
    layer->left = (uint64_t)layer->entry_size;
    return e;
}

OCITAR_API int ocitar_layer_entry(ocitar_layer *layer,
                                  const ocitar_entry *entry)
{
    return ocitar_i_layer_add(layer, entry, 0);
}

OCITAR_API int ocitar_layer_write(ocitar_layer *layer, const void *data,
                                  size_t len)
{
    int e = ocitar_i_layer_check(layer);

    if (e != OCITAR_OK || len == 0)
        return e;
    if (data == NULL || layer->desc.raw)
        return data == NULL ? ocitar_blob_write(&layer->blob, NULL, len)
                            : ocitar_i_layer_out(layer, data, len);
    if (len > layer->left)
        return ocitar_i_blob_torn(
            &layer->blob,
            ocitar_i_node_differ(&layer->blob.node, OCITAR_E_SIZE,
                                 "layer entry: body too long",
                                 (uint64_t)layer->entry_size,
                                 (uint64_t)layer->entry_size - layer->left +
                                     len));
    e = ocitar_i_layer_out(layer, data, len);
    layer->left -= len;
    if (e == OCITAR_OK && layer->left == 0)
        e = ocitar_i_layer_zeros(layer,
                                 (size_t)((512 - (layer->size & 511)) & 511));
    return e;
}

/* The whole of a source, as the body of the entry that was begun. */
static int ocitar_i_layer_drink(ocitar_layer *layer,
                                const ocitar_source *source, void *buffer,
                                size_t buffer_size)
{
    size_t n;
    int e, code;

    do {
        n = 0;
        code = source->get_fn(source->user, buffer, buffer_size, &n);
        if (code != 0 || n > buffer_size)
            return ocitar_i_blob_torn(
                &layer->blob,
                ocitar_i_node_fail(&layer->blob.node, OCITAR_E_SOURCE, code,
                                   "layer copy"));
        e = ocitar_layer_write(layer, buffer, n);
    } while (e == OCITAR_OK && n > 0);
    return e == OCITAR_OK ? ocitar_i_layer_complete(layer) : e;
}

OCITAR_API int ocitar_layer_copy(ocitar_layer *layer,
                                 const ocitar_entry *entry,
                                 const ocitar_source *source, void *buffer,
                                 size_t buffer_size)
{
    int e = ocitar_i_layer_check(layer);

    if (e != OCITAR_OK)
        return e;
    if (source == NULL || source->get_fn == NULL || buffer == NULL ||
        buffer_size == 0)
        return ocitar_i_blob_torn(
            &layer->blob,
            ocitar_i_layer_fail(layer, OCITAR_E_ARG, "layer copy"));
    e = ocitar_layer_entry(layer, entry);
    return e != OCITAR_OK
               ? e
               : ocitar_i_layer_drink(layer, source, buffer, buffer_size);
}

OCITAR_API int ocitar_layer_items(ocitar_layer *layer,
                                  const ocitar_item *items, size_t count)
{
    int e = ocitar_i_layer_check(layer);
    size_t i;

    if (e == OCITAR_OK && items == NULL && count > 0)
        return ocitar_i_blob_torn(
            &layer->blob,
            ocitar_i_layer_fail(layer, OCITAR_E_ARG, "layer items"));
    for (i = 0; e == OCITAR_OK && i < count; i++) {
        e = ocitar_layer_entry(layer, &items[i].entry);
        if (e == OCITAR_OK && layer->left > 0)
            e = ocitar_layer_write(layer, items[i].data,
                                   (size_t)items[i].entry.size);
    }
    return e;
}

/* An entry of owner 0:0 and mtime 0. */
static int ocitar_i_layer_plain(ocitar_layer *layer, const char *name,
                                uint32_t mode, char typeflag,
                                const char *linkname, size_t size)
{
    ocitar_entry entry;

    OCITAR_MEMSET(&entry, 0, sizeof entry);
    entry.name = name;
    entry.mode = mode;
    entry.typeflag = typeflag;
    entry.linkname = linkname;
    entry.size = (int64_t)size;
    return ocitar_layer_entry(layer, &entry);
}

OCITAR_API int ocitar_layer_file(ocitar_layer *layer, const char *name,
                                 uint32_t mode, const void *data, size_t len)
{
    int e = ocitar_i_layer_plain(layer, name, mode, '0', NULL, len);

    return e != OCITAR_OK ? e : ocitar_layer_write(layer, data, len);
}

OCITAR_API int ocitar_layer_dir(ocitar_layer *layer, const char *name,
                                uint32_t mode)
{
    return ocitar_i_layer_plain(layer, name, mode, '5', NULL, 0);
}

OCITAR_API int ocitar_layer_symlink(ocitar_layer *layer, const char *name,
                                    const char *target)
{
    return ocitar_i_layer_plain(layer, name, 0777, '2', target, 0);
}

OCITAR_API int ocitar_layer_link(ocitar_layer *layer, const char *name,
                                 const char *target)
{
    return ocitar_i_layer_plain(layer, name, 0644, '1', target, 0);
}

OCITAR_API int ocitar_layer_parents(ocitar_layer *layer, const char *name,
                                    uint32_t mode)
{
    size_t len = ocitar_i_bytes_length(name, 0), start, at;
    ocitar_digest digest;
    ocitar_entry entry;
    ocitar_key *slot;
    int e = ocitar_i_layer_check(layer);

    if (e == OCITAR_OK && (len == 0 || layer->desc.paths == NULL ||
                           layer->desc.path_count == 0))
        return ocitar_i_blob_torn(
            &layer->blob,
            ocitar_i_layer_fail(layer, OCITAR_E_ARG, "layer parents"));
    OCITAR_MEMSET(&entry, 0, sizeof entry);
    entry.mode = mode;
    entry.typeflag = '5';
    entry.name = name;
    start = e == OCITAR_OK ? ocitar_i_name_last(name, &len) : 0;
    for (at = 1; e == OCITAR_OK && at < start; at++) {
        len = at;
        if (name[at] != '/' ||
            ocitar_i_layer_has(layer, name, at, &digest, &slot) ||
            ocitar_i_name_last(name, &len) == len) /* "." is the root */
            continue;
        entry.name_len = at + 1; /* with its slash */
        e = ocitar_layer_entry(layer, &entry);
    }
    return e;
}

/* Of what is hidden; ustar alone has no room for 256. */
enum { OCITAR_I_HIDE_MAX = OCITAR_I_PAX ? 500 : 256 };

/* `dir` + `middle` + `last`, as an empty file. Mode 0, as containerd has it. */
static int ocitar_i_layer_hide(ocitar_layer *layer, const char *dir,
                               size_t dir_len, const char *middle,
                               const char *last, size_t last_len)
{
    size_t middle_len = ocitar_i_bytes_length(middle, 0);
    ocitar_entry entry;
    char name[OCITAR_I_HIDE_MAX + 20];
    int e = ocitar_i_layer_check(layer);

    if (e != OCITAR_OK)
        return e;
    if (dir_len > OCITAR_I_HIDE_MAX || last_len > OCITAR_I_HIDE_MAX - dir_len)
        return ocitar_i_blob_torn(
            &layer->blob,
            ocitar_i_layer_fail(layer, OCITAR_E_LIMIT, "layer whiteout"));
    OCITAR_MEMSET(&entry, 0, sizeof entry);
    entry.name_len = dir_len + middle_len + last_len;
    if (dir_len > 0)
        OCITAR_MEMCPY(name, dir, dir_len);
    OCITAR_MEMCPY(name + dir_len, middle, middle_len);
    if (last_len > 0)
        OCITAR_MEMCPY(name + dir_len + middle_len, last, last_len);
    entry.name = name;
    entry.typeflag = '0';
    return ocitar_i_layer_add(layer, &entry, 1);
}

OCITAR_API int ocitar_layer_whiteout(ocitar_layer *layer, const char *name)
{
    size_t len = ocitar_i_bytes_length(name, 0);
    size_t start = ocitar_i_name_last(name, &len);
    int e = ocitar_i_layer_check(layer);

    if (e != OCITAR_OK)
        return e;
    if (len == start || ocitar_i_name_is_whiteout(name, len))
        e = OCITAR_E_WHITEOUT;
    else if (!ocitar_i_name_ok(name, len)) /* ".wh..." hides ".." */
        e = OCITAR_E_NAME;
    if (e != OCITAR_OK)
        return ocitar_i_blob_torn(
            &layer->blob, ocitar_i_layer_fail(layer, e, "layer whiteout"));
    return ocitar_i_layer_hide(layer, name, start, ".wh.", name + start,
                               len - start);
}

OCITAR_API int ocitar_layer_opaque(ocitar_layer *layer, const char *name)
{
    size_t len = ocitar_i_bytes_length(name, 0);

    while (len > 0 && name[len - 1] == '/')
        len--;
    return ocitar_i_layer_hide(layer, name, len,
                               len > 0 ? "/.wh..wh..opq" : ".wh..wh..opq",
                               NULL, 0);
}

/* The last bytes: the tar's end, then the codec's. Once, though the commit may
   be tried again. */
static int ocitar_i_layer_complete_all(ocitar_layer *layer)
{
    int e = ocitar_i_layer_complete(layer);

    if (e != OCITAR_OK || layer->trailer)
        return e;
    layer->trailer = 1;
    if (!layer->desc.raw) {
        e = ocitar_i_layer_zeros(layer, 512);
        if (e == OCITAR_OK)
            e = ocitar_i_layer_zeros(layer, 512);
    }
    if (e == OCITAR_OK && layer->coding &&
        layer->desc.raw == OCITAR_RAW_BLOB)
        e = ocitar_i_layer_coded(
            layer, ocitar_i_layer_uncode(layer, ocitar_i_layer_put_diff,
                                         &layer->diff));
    else if (e == OCITAR_OK && layer->coding)
        e = ocitar_i_layer_coded(
            layer, ocitar_i_layer_uncode(layer, ocitar_i_layer_put_blob,
                                         &layer->blob));
    return e;
}

/* The digest of the uncompressed tar. */
static void ocitar_i_layer_diff_id(ocitar_layer *layer, ocitar_digest *out)
{
    if (layer->desc.raw == OCITAR_RAW_BLOB &&
        layer->desc.diff_id.algorithm != 0)
        *out = layer->desc.diff_id;
    else if (layer->desc.codec != NULL)
        ocitar_digester_end(&layer->diff, out);
    else
        *out = layer->blob.digest;
}

/* A layer whose blob is in becomes its image's. */
static OCITAR_I_APART int ocitar_i_layer_described(ocitar_layer *layer)
{
    ocitar_descriptor d;
    int e;

    OCITAR_MEMSET(&d, 0, sizeof d);
    d.media_type = layer->desc.media_type;
    d.annotations = layer->desc.annotations;
    d.annotation_count = layer->desc.annotation_count;
    d.size = layer->blob.size;
    d.digest = layer->blob.digest;
    ocitar_i_layer_diff_id(layer, &d.diff_id);
    layer->image->layer = NULL;
    e = ocitar_i_image_add(layer->image, &d);
    if (e != OCITAR_OK) /* the layer is in, its image is another one now */
        e = ocitar_i_node_fail(&layer->image->node, e, 0, "layer end");
    return e;
}

OCITAR_API int ocitar_layer_end(ocitar_layer *layer)
{
    int e;

    if (layer != NULL && layer->blob.way == OCITAR_WAIT_SPOOL)
        ocitar_i_node_retry(&layer->blob.node);
    e = ocitar_i_layer_check(layer);
    if (e == OCITAR_OK)
        e = ocitar_i_layer_complete_all(layer);
    if (e == OCITAR_OK)
        e = ocitar_blob_commit(&layer->blob, OCITAR_SIZE_UNKNOWN, NULL);
    return e == OCITAR_OK ? ocitar_i_layer_described(layer) : e;
}

OCITAR_API int ocitar_layer_abandon(ocitar_layer *layer)
{
    if (layer == NULL)
        return OCITAR_E_ARG;
    if (layer->blob.node.state != OCITAR_I_OPEN)
        return OCITAR_E_STATE;
    if (layer->image->layer == layer)
        layer->image->layer = NULL;
    return ocitar_i_layer_give_up(layer);
}

#endif /* OCITAR_I_IMAGES */

/* ==== check =============================================================
   An archive read once, against the rules of the image specification. What a
   blob is shows only while it passes, and whether it matters only when all
   did: documents are parsed on suspicion, what they claim is put into the
   table, and at the end the claims that index.json leads to are judged. Calls
   archive (the reader), json, image (media types, ports), layer (names),
   digest, errors, bytes. */

#if OCITAR_I_READS

#ifdef OCITAR_NO_ERROR_TEXT
OCITAR_API const char *ocitar_rule_text(int rule)
{
    (void)rule;
    return "";
}
#else
OCITAR_API const char *ocitar_rule_text(int rule)
{
    static const char *const texts[] = {
        "index.json names the expected manifest",
        "there is a directory blobs",
        "oci-layout has imageLayoutVersion 1.0.0",
        "index.json is an image index",
        "a blob has the digest in its name",
        "a blob's path is blobs/algorithm/encoded",
        "something refers to a blob",
        "what is referred to is there",
        "a file is one that the layout knows",
        "a media type in index.json is known",
        "ref.name stands in index.json only",
        "a descriptor has a media type (RFC 6838)",
        "a descriptor has a digest",
        "a descriptor has a size, 0 or more",
        "a blob has its descriptor's size",
        "urls are http or https",
        "data is base64 of the content",
        "data does not change an identifier",
        "artifactType is a media type (RFC 6838)",
        "a manifest's descriptor has its platform",
        "sha256 is 64 lower-case hex digits",
        "sha512 is 128 lower-case hex digits",
        "blake3 is 64 lower-case hex digits",
        "a digest's algorithm is known here",
        "content is verified before it is used",
        "documents are JSON in UTF-8",
        "an object has no name twice",
        "numbers are below 2^53",
        "documents are canonical JSON",
        "bytes are kept as they are",
        "a property is known",
        "a manifest has schemaVersion 2",
        "a manifest's mediaType is its own, it is no index",
        "a manifest has a config",
        "a manifest has one layer at least",
        "layers are in order",
        "layers are tar, or gzip or zstd of it",
        "with an empty config there is an artifactType",
        "an image has only layers of file systems",
        "an artifact has one layer at least",
        "the empty descriptor is that of {}",
        "subject is a descriptor, and its target is there",
        "an index has schemaVersion 2 and its own mediaType",
        "an index has manifests, an array",
        "indexes are nested less than 16 deep",
        "a platform has architecture and os, in Go's names",
        "an index has one entry for a platform and name",
        "a config has an architecture and an os",
        "rootfs has the type layers",
        "diff_ids are those of the layers",
        "times are as RFC 3339 has them",
        "history has a line for each layer",
        "env is NAME=VALUE, ports are port/protocol",
        "null stands for what is absent",
        "a descriptor's platform is its config's",
        "a layer is a whole tar, without a path twice",
        "a layer's hard links lead to what is in it",
        "whiteouts are empty files, named behind .wh.",
        "whiteouts come before what is beside them",
        "a compressed layer is what its media type says",
        "annotations are strings, and well-formed where known",
        "the tar is whole, and holds a layout at its root"
    };

    return rule < 0 || rule >= (int)(sizeof texts / sizeof texts[0])
               ? ""
               : texts[rule];
}
#endif

/* The core's rules are 0, 2 to 5, 7, 11 to 14, 20 to 23, 25, 26, 31, 33, 34,
   42, 43, 47 and 61. With OCITAR_CHECKER_CORE there are no others: what only
   they ask for stands behind OCITAR_I_HAS, and the compiler drops it. */
#define OCITAR_I_CORE 0x20008c0686f078bdu
#define OCITAR_I_HAS(rule) (OCITAR_I_FULL || (OCITAR_I_CORE >> (rule) & 1) != 0)
#define OCITAR_I_BAD(c, rule)                                                 \
    (OCITAR_I_HAS(rule) ? ocitar_i_check_bad(c, rule) : (void)0)
#define OCITAR_I_LAYER(c)                                                     \
    (OCITAR_I_FULL ? (c)->desc.layer : (ocitar_layer_checker *)NULL)
#define OCITAR_I_CODEC(c)                                                     \
    (OCITAR_I_FULL ? (c)->codec : (const ocitar_codec *)NULL)

/* -- findings -- */

static int ocitar_i_check_stop(ocitar_checker *c, int code)
{
    if (c->error == OCITAR_OK) {
        c->error = OCITAR_E_HOOK;
        c->user_code = code;
    }
    return c->error;
}

/* The engine failed: nothing that it was asked about is known. */
static int ocitar_i_check_hash_failed(ocitar_checker *c)
{
    if (c->error == OCITAR_OK) {
        c->error = OCITAR_E_HASH;
        c->user_code = c->blob.error;
    }
    return c->error;
}

static int ocitar_i_check_wanted(const ocitar_checker *c, int rule)
{
    return (OCITAR_I_FULL && !c->desc.core) || (OCITAR_I_CORE >> rule & 1) != 0;
}

/* Fills in what a finding has by its rule, and counts and tells it. */
static void ocitar_i_check_tell(ocitar_checker *c, ocitar_finding *f,
                                int rule, int severity)
{
    int code;

    if (!ocitar_i_check_wanted(c, rule))
        return;
    if (c->desc.strict && severity == OCITAR_WARNING)
        severity = OCITAR_ERROR;
    f->rule = (uint8_t)rule;
    f->severity = (uint8_t)severity;
    if (f->text == NULL)
        f->text = ocitar_rule_text(rule);
    if (severity == OCITAR_ERROR)
        c->errors++;
    else if (severity == OCITAR_WARNING)
        c->warnings++;
    else
        c->notes++;
    if (c->desc.finding_fn == NULL || c->error == OCITAR_E_HOOK)
        return;
    code = c->desc.finding_fn(c->desc.user, f);
    if (code != 0)
        ocitar_i_check_stop(c, code);
}

static OCITAR_I_APART void
ocitar_i_check_entry(ocitar_checker *c, const ocitar_entry *entry, int rule,
                     int severity, int kind, const char *text)
{
    ocitar_finding f;

    OCITAR_MEMSET(&f, 0, sizeof f);
    f.name = entry->name;
    f.name_len = entry->name_len;
    f.text = OCITAR_I_WHY(text);
    f.kind = (uint8_t)kind;
    ocitar_i_check_tell(c, &f, rule, severity);
}

enum { /* flags of a slot */
    OCITAR_I_SLOT_NODE = 1,    /* it is a blob's, seen or claimed */
    OCITAR_I_SLOT_CLAIMED = 2, /* something refers to it by this slot */
    OCITAR_I_SLOT_SEEN = 4,    /* the blob passed */
    OCITAR_I_SLOT_LIVE = 8,    /* the claim counts */
    OCITAR_I_SLOT_NEEDED = 16, /* a claim to this blob counts */
    OCITAR_I_SLOT_DOC = 32,    /* as a document, by what it says it is */
    OCITAR_I_SLOT_NEXT = 64    /* it will be one at the next level */
};

enum { OCITAR_I_ROLE_UNPACKED = 7, OCITAR_I_DIGEST_OTHER = 255 };

/* Of a blob, as far as the slot knows it. */
static void ocitar_i_check_slot(ocitar_checker *c, const ocitar_slot *s,
                                int rule, int severity, int kind)
{
    ocitar_finding f;

    OCITAR_MEMSET(&f, 0, sizeof f);
    f.kind = (uint8_t)kind;
    if (s->algorithm == OCITAR_SHA256) {
        f.digest.algorithm = s->algorithm;
        OCITAR_MEMCPY(f.digest.bytes, s->key, 32);
    }
    if (rule == 14) {
        f.expected_size = s->claimed;
        f.actual_size = s->actual;
    }
    ocitar_i_check_tell(c, &f, rule, severity);
}

/* -- the table -- */

/* The key of a digest: itself, or of a longer one the SHA-256 of all of it. */
static void ocitar_i_check_key_of(const ocitar_checker *c,
                                  const ocitar_digest *digest, uint8_t *key)
{
    ocitar_digester d;
    ocitar_digest out;

    if (digest->algorithm == OCITAR_SHA256 ||
        digest->algorithm == OCITAR_I_DIGEST_OTHER) {
        OCITAR_MEMCPY(key, digest->bytes, 32);
        return;
    }
    ocitar_i_digester_begin(&d, OCITAR_SHA256, NULL, c->kernel);
    ocitar_digester_update(&d, digest->bytes, sizeof digest->bytes);
    ocitar_digester_end(&d, &out);
    OCITAR_MEMCPY(key, out.bytes, 32);
}

/* Takes a free slot, the first from `at` on. */
static ocitar_slot *ocitar_i_check_take(ocitar_checker *c, uint32_t at)
{
    uint32_t n = c->desc.slot_count;
    ocitar_slot *s = c->desc.slots;

    c->needed++;
    if (c->used == n)
        return NULL;
    for (at %= n; s[at].flags != 0 || s[at].role != 0;)
        at = at + 1 == n ? 0 : at + 1;
    c->used++;
    return &s[at];
}

/* The first slot of a blob that has none of the flags in `without`; NULL: no
   such. That with 0 is the blob's own. */
static ocitar_slot *ocitar_i_check_find(ocitar_checker *c, const uint8_t *key,
                                        uint8_t algorithm, uint8_t without)
{
    uint32_t n = c->desc.slot_count, i;
    uint32_t at = ocitar_i_bytes_load32(key) % n;

    for (i = 0; i < n; i++) {
        ocitar_slot *s = &c->desc.slots[at];

        if (s->flags == 0 && s->role == 0)
            return NULL;
        if ((s->flags & OCITAR_I_SLOT_NODE) && !(s->flags & without) &&
            s->algorithm == algorithm &&
            OCITAR_MEMCMP(s->key, key, 32) == 0)
            return s;
        at = at + 1 == n ? 0 : at + 1;
    }
    return NULL;
}

static ocitar_slot *ocitar_i_check_add(ocitar_checker *c, const uint8_t *key,
                                       uint8_t algorithm)
{
    ocitar_slot *s = ocitar_i_check_take(c, ocitar_i_bytes_load32(key));

    if (s == NULL)
        return NULL;
    OCITAR_MEMCPY(s->key, key, 32);
    s->algorithm = algorithm;
    s->flags = OCITAR_I_SLOT_NODE;
    return s;
}

static uint32_t ocitar_i_check_index(const ocitar_checker *c,
                                     const ocitar_slot *s)
{
    return (uint32_t)(s - c->desc.slots);
}

/* What belongs to a place in a document and is not looked up by its digest. */
static uint32_t ocitar_i_check_place(uint32_t parent, uint32_t position)
{
    return parent * 2654435761u + position * 40503u;
}

static void ocitar_i_check_enter(ocitar_checker *c, uint8_t role,
                                 uint32_t parent, uint32_t position,
                                 const ocitar_digest *digest)
{
    ocitar_slot *s = ocitar_i_check_take(
        c, ocitar_i_check_place(parent, position));

    if (s == NULL)
        return;
    s->role = role;
    s->parent = parent;
    s->position = position;
    s->algorithm = digest->algorithm;
    ocitar_i_check_key_of(c, digest, s->key);
}

static const ocitar_slot *ocitar_i_check_get(const ocitar_checker *c,
                                             uint8_t role, uint32_t parent,
                                             uint32_t position)
{
    uint32_t n = c->desc.slot_count, i;
    uint32_t at = ocitar_i_check_place(parent, position) % n;

    for (i = 0; i < n; i++) {
        const ocitar_slot *s = &c->desc.slots[at];

        if (s->flags == 0 && s->role == 0)
            return NULL;
        if (s->role == role && s->parent == parent && s->position == position)
            return s;
        at = at + 1 == n ? 0 : at + 1;
    }
    return NULL;
}

/* -- documents -- */

enum { /* what the open entry is, and bits of what came */
    OCITAR_I_FILE_NONE = 0, OCITAR_I_FILE_LAYOUT = 1, OCITAR_I_FILE_INDEX = 2,
    OCITAR_I_FILE_DOCKER = 4, OCITAR_I_FILE_BLOBS = 8,
    OCITAR_I_FILE_BLOB = 16
};

enum { /* what an object or array of a document is */
    OCITAR_I_CTX_NONE, OCITAR_I_CTX_ROOT, OCITAR_I_CTX_DESC,
    OCITAR_I_CTX_CONFIG, OCITAR_I_CTX_SUBJECT, OCITAR_I_CTX_LAYER,
    OCITAR_I_CTX_MANIFEST, OCITAR_I_CTX_LAYERS, OCITAR_I_CTX_MANIFESTS,
    OCITAR_I_CTX_NOTES, OCITAR_I_CTX_DESC_NOTES, OCITAR_I_CTX_PLATFORM,
    OCITAR_I_CTX_URLS, OCITAR_I_CTX_ROOTFS, OCITAR_I_CTX_DIFFS,
    OCITAR_I_CTX_HISTORY, OCITAR_I_CTX_LINE, OCITAR_I_CTX_ENV,
    OCITAR_I_CTX_PORTS, OCITAR_I_CTX_SET, OCITAR_I_CTX_LABELS
};

enum { /* what a value is */
    OCITAR_I_F_NONE, OCITAR_I_F_SCHEMA, OCITAR_I_F_DOC_MEDIA,
    OCITAR_I_F_DOC_ARTIFACT, OCITAR_I_F_ARCH, OCITAR_I_F_OS,
    OCITAR_I_F_VARIANT, OCITAR_I_F_TIME, OCITAR_I_F_VERSION, OCITAR_I_F_MEDIA,
    OCITAR_I_F_DIGEST, OCITAR_I_F_SIZE, OCITAR_I_F_DATA, OCITAR_I_F_ARTIFACT,
    OCITAR_I_F_P_ARCH, OCITAR_I_F_P_OS, OCITAR_I_F_P_VARIANT,
    OCITAR_I_F_P_VERSION,
    OCITAR_I_F_ROOTFS, OCITAR_I_F_EMPTY, OCITAR_I_F_URL, OCITAR_I_F_DIFF,
    OCITAR_I_F_ENV, OCITAR_I_F_REF, OCITAR_I_F_NAME, OCITAR_I_F_TITLE,
    OCITAR_I_F_NOTE_TIME, OCITAR_I_F_NOTE_DIGEST
};

enum { /* types of values */
    OCITAR_I_T_OBJECT = 1, OCITAR_I_T_ARRAY = 2, OCITAR_I_T_STRING = 4,
    OCITAR_I_T_NUMBER = 8, OCITAR_I_T_BOOL = 16, OCITAR_I_T_NULL = 32,
    /* short names for the table below */
    OCITAR_I_T_O = 1, OCITAR_I_T_A = 2, OCITAR_I_T_S = 4, OCITAR_I_T_N = 8,
    OCITAR_I_T_OZ = 33, OCITAR_I_T_AZ = 34,
    OCITAR_I_T_SZ = 36, OCITAR_I_T_BZ = 48
};

/* What a name in an object, or (no name) an element of an array or a value of
   a map means: the types it may have, the rule that says so, and what it is: a
   context of objects and arrays, else a field. */
typedef struct ocitar_i_check_row {
    uint8_t context;
    uint8_t types; /* 0: of no row */
    uint8_t what;
    uint8_t rule;
    uint8_t name_len;
} ocitar_i_check_row;

static int ocitar_i_check_small(char c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* Readers in Go do not tell capitals from small letters, nor two odd letters
   from "s" and "k": is it a name as they read it? */
static int ocitar_i_check_folds(const char *s, size_t len, const char *name,
                                size_t name_len)
{
    size_t at = 0;
    int c;

    for (; name_len > 0; name_len--, name++, at++) {
        if (at >= len)
            return 0;
        c = ocitar_i_check_small(s[at]);
        if (len - at >= 2 && OCITAR_MEMCMP(s + at, "\xC5\xBF", 2) == 0)
            c = 's', at += 1;
        else if (len - at >= 3 && OCITAR_MEMCMP(s + at, "\xE2\x84\xAA", 3) == 0)
            c = 'k', at += 2;
        if (c != ocitar_i_check_small(OCITAR_I_ROM_CHAR(name)))
            return 0;
    }
    return at == len;
}

/* In pairs of context and name; those without one are the last. */
#define OCITAR_I_CHECK_ROWS(row)                                              \
    row(ROOT, N, F_SCHEMA, 31, "schemaVersion")                               \
    row(ROOT, S, F_DOC_MEDIA, 32, "mediaType")                                \
    row(ROOT, S, F_DOC_ARTIFACT, 18, "artifactType")                          \
    row(ROOT, OZ, CTX_CONFIG, 33, "config")                                   \
    row(ROOT, A, CTX_LAYERS, 34, "layers")                                    \
    row(ROOT, A, CTX_MANIFESTS, 43, "manifests")                              \
    row(ROOT, O, CTX_SUBJECT, 41, "subject")                                  \
    row(ROOT, O, CTX_NOTES, 60, "annotations")                                \
    row(ROOT, S, F_ARCH, 47, "architecture")                                  \
    row(ROOT, S, F_OS, 47, "os")                                              \
    row(ROOT, SZ, F_VARIANT, 47, "variant")                                   \
    row(ROOT, SZ, F_TIME, 50, "created")                                      \
    row(ROOT, O, CTX_ROOTFS, 48, "rootfs")                                    \
    row(ROOT, AZ, CTX_HISTORY, 51, "history")                                 \
    row(ROOT, S, F_VERSION, 2, "imageLayoutVersion")                          \
    row(DESC, S, F_MEDIA, 11, "mediaType")                                    \
    row(DESC, S, F_DIGEST, 12, "digest")                                      \
    row(DESC, N, F_SIZE, 13, "size")                                          \
    row(DESC, A, CTX_URLS, 15, "urls")                                        \
    row(DESC, O, CTX_DESC_NOTES, 60, "annotations")                           \
    row(DESC, S, F_DATA, 16, "data")                                          \
    row(DESC, S, F_ARTIFACT, 18, "artifactType")                              \
    row(DESC, O, CTX_PLATFORM, 45, "platform")                                \
    row(PLATFORM, S, F_P_ARCH, 45, "architecture")                            \
    row(PLATFORM, S, F_P_OS, 45, "os")                                        \
    row(PLATFORM, S, F_P_VARIANT, 45, "variant")                              \
    row(PLATFORM, S, F_P_VERSION, 45, "os.version")                           \
    row(CONFIG, AZ, CTX_ENV, 52, "Env")                                       \
    row(CONFIG, OZ, CTX_PORTS, 52, "ExposedPorts")                            \
    row(CONFIG, OZ, CTX_SET, 52, "Volumes")                                   \
    row(CONFIG, OZ, CTX_LABELS, 60, "Labels")                                 \
    row(ROOTFS, S, F_ROOTFS, 48, "type")                                      \
    row(ROOTFS, A, CTX_DIFFS, 49, "diff_ids")                                 \
    row(LINE, SZ, F_TIME, 50, "created")                                      \
    row(LINE, BZ, F_EMPTY, 51, "empty_layer")                                 \
    row(NOTES, S, F_NOTE_TIME, 60, "org.opencontainers.image.created")        \
    row(NOTES, S, F_NOTE_DIGEST, 60, "org.opencontainers.image.base.digest")  \
    row(DESC_NOTES, S, F_REF, 60, "org.opencontainers.image.ref.name")        \
    row(DESC_NOTES, S, F_TITLE, 60, "org.opencontainers.image.title")         \
    row(DESC_NOTES, S, F_NAME, 60, "io.containerd.image.name")                \
    row(LAYERS, O, CTX_LAYER, 34, "")                                         \
    row(MANIFESTS, O, CTX_MANIFEST, 43, "")                                   \
    row(URLS, S, F_URL, 15, "")                                               \
    row(DIFFS, S, F_DIFF, 49, "")                                             \
    row(HISTORY, O, CTX_LINE, 51, "")                                         \
    row(ENV, S, F_ENV, 52, "")                                                \
    row(PORTS, O, CTX_NONE, 52, "")                                           \
    row(SET, O, CTX_NONE, 52, "")                                             \
    row(NOTES, S, F_NONE, 60, "")                                             \
    row(DESC_NOTES, S, F_NONE, 60, "")                                        \
    row(LABELS, S, F_NONE, 60, "")
#define OCITAR_I_ROW(context, types, what, rule, name)                        \
    { OCITAR_I_CTX_##context, OCITAR_I_T_##types, OCITAR_I_##what, rule,      \
      sizeof(name) - 1 },
#define OCITAR_I_ROW_NAME(context, types, what, rule, name) name

static const ocitar_i_check_row ocitar_i_check_rows[] OCITAR_I_ROM = {
    OCITAR_I_CHECK_ROWS(OCITAR_I_ROW)
};

/* The row of a number, which is one more than its place. */
static ocitar_i_check_row ocitar_i_check_row_at(uint8_t number)
{
    ocitar_i_check_row row;

    OCITAR_MEMSET(&row, 0, sizeof row);
    if (number > 0)
        OCITAR_I_ROM_COPY(&row, ocitar_i_check_rows + number - 1, sizeof row);
    return row;
}

/* The number of the row with a name in a context, 0: there is none. */
static uint8_t ocitar_i_check_row_of(uint8_t context, const char *name,
                                     size_t len, int fold)
{
    const char *at =
        OCITAR_I_ROM_TEXT(OCITAR_I_CHECK_ROWS(OCITAR_I_ROW_NAME));
    ocitar_i_check_row row;
    size_t i;

    for (i = 0; i < sizeof ocitar_i_check_rows / sizeof row; i++) {
        OCITAR_I_ROM_COPY(&row, ocitar_i_check_rows + i, sizeof row);
        if (row.context == context &&
            (row.name_len == 0 ? len == 0
             : fold ? ocitar_i_check_folds(name, len, at, row.name_len)
                    : len == row.name_len &&
                          OCITAR_I_ROM_COMPARE(name, at, len) == 0))
            return (uint8_t)(i + 1);
        at += row.name_len;
    }
    return 0;
}
#undef OCITAR_I_CHECK_ROWS
#undef OCITAR_I_ROW
#undef OCITAR_I_ROW_NAME

/* Is it one of the objects that are descriptors? */
static int ocitar_i_check_is_desc(uint8_t context)
{
    return context >= OCITAR_I_CTX_CONFIG && context <= OCITAR_I_CTX_MANIFEST;
}

/* The row of a value in a context: by its name, else any. */
static uint8_t ocitar_i_check_row_in(uint8_t context, const char *name,
                                     size_t len)
{
    uint8_t row = 0;

    if (len > 0)
        row = ocitar_i_check_row_of(context, name, len, 0);
    if (row == 0 && len > 0 && ocitar_i_check_is_desc(context))
        row = ocitar_i_check_row_of(OCITAR_I_CTX_DESC, name, len, 0);
    return row != 0 ? row : ocitar_i_check_row_of(context, NULL, 0, 0);
}

/* Is it a name that others take for one that is looked at? In maps it is not:
   they are told apart there. */
static int ocitar_i_check_confused(uint8_t context, const char *name,
                                   size_t len)
{
    if (len == 0 || context == OCITAR_I_CTX_NOTES ||
        context == OCITAR_I_CTX_DESC_NOTES || context == OCITAR_I_CTX_NONE)
        return 0;
    return ocitar_i_check_row_of(context, name, len, 1) != 0 ||
           (ocitar_i_check_is_desc(context) &&
            ocitar_i_check_row_of(OCITAR_I_CTX_DESC, name, len, 1) != 0);
}

enum { /* what a document was found to have */
    OCITAR_I_HAS_SCHEMA = 1, OCITAR_I_HAS_MEDIA = 2,
    OCITAR_I_HAS_ARTIFACT = 4, OCITAR_I_HAS_CONFIG = 8,
    OCITAR_I_HAS_LAYERS = 16, OCITAR_I_HAS_MANIFESTS = 32,
    OCITAR_I_HAS_ARCH = 64, OCITAR_I_HAS_OS = 128, OCITAR_I_HAS_ROOTFS = 256,
    OCITAR_I_HAS_TYPE = 512, OCITAR_I_HAS_DIFFS = 1024,
    OCITAR_I_HAS_VERSION = 2048, OCITAR_I_HAS_IMAGE = 4096, /* config type */
    OCITAR_I_HAS_EMPTY = 8192, OCITAR_I_HAS_OTHER_LAYER = 16384
};
#define OCITAR_I_HAS_HISTORY 0x8000u /* more than an int may have */
#define OCITAR_I_HAS_EMPTY_LINE 0x10000u

enum { /* what a descriptor has */
    OCITAR_I_GOT_MEDIA = 1, OCITAR_I_GOT_DIGEST = 2, OCITAR_I_GOT_SIZE = 4,
    OCITAR_I_GOT_DATA = 8, OCITAR_I_GOT_ARCH = 16, OCITAR_I_GOT_OS = 32,
    OCITAR_I_GOT_PLATFORM = 64, OCITAR_I_GOT_OTHER = 128 /* algorithm */
};

enum { /* media types */
    OCITAR_I_MEDIA_NONE, OCITAR_I_MEDIA_OTHER, OCITAR_I_MEDIA_EMPTY,
    OCITAR_I_MEDIA_MANIFEST, OCITAR_I_MEDIA_INDEX, OCITAR_I_MEDIA_CONFIG,
    OCITAR_I_MEDIA_TAR, OCITAR_I_MEDIA_GZIP, OCITAR_I_MEDIA_ZSTD,
    OCITAR_I_MEDIA_FOREIGN, OCITAR_I_MEDIA_FOREIGN_GZIP,
    OCITAR_I_MEDIA_FOREIGN_ZSTD
};

enum { /* what a blob turned out to be */
    OCITAR_I_BLOB_BYTES, OCITAR_I_BLOB_MANIFEST, OCITAR_I_BLOB_INDEX,
    OCITAR_I_BLOB_CONFIG, OCITAR_I_BLOB_LAYOUT, OCITAR_I_BLOB_BROKEN,
    OCITAR_I_BLOB_JSON, OCITAR_I_BLOB_GZIP, OCITAR_I_BLOB_ZSTD
};

/* In the place of rules: what was not checked. */
enum { OCITAR_I_UNCHECKED_NAMES = 254, OCITAR_I_UNCHECKED_LAYER = 255 };


/* Is the word in a list that is separated by spaces? Its place, from 1. */
static int ocitar_i_check_listed(const char *list, const char *word,
                                 size_t len)
{
    size_t n;
    int place;

    for (place = 1; OCITAR_I_ROM_CHAR(list) != 0; place++) {
        for (n = 0; OCITAR_I_ROM_CHAR(list + n) != 0 &&
                    OCITAR_I_ROM_CHAR(list + n) != ' '; n++)
            ;
        if (n == len && OCITAR_I_ROM_COMPARE(word, list, n) == 0)
            return place;
        list += n + (OCITAR_I_ROM_CHAR(list + n) != 0);
    }
    return 0;
}

/* Docker's names are those of OCI, see ocitar_media_type_oci. */
static uint8_t ocitar_i_check_media(const char *type, size_t len)
{
    const size_t oci = sizeof OCITAR_I_TYPE_OCI - 1;
    const size_t docker = sizeof OCITAR_I_TYPE_DOCKER - 1;
    int place = 0;

    if (ocitar_i_check_listed(OCITAR_I_ROM_TEXT(OCITAR_I_TYPE_EMPTY), type,
                              len))
        return OCITAR_I_MEDIA_EMPTY;
    if (len > oci &&
        OCITAR_I_ROM_COMPARE(type, OCITAR_I_ROM_TEXT(OCITAR_I_TYPE_OCI),
                             oci) == 0)
        place = ocitar_i_check_listed(
            OCITAR_I_ROM_TEXT(
                "manifest.v1+json index.v1+json config.v1+json "
                "layer.v1.tar layer.v1.tar+gzip layer.v1.tar+zstd "
                "layer.nondistributable.v1.tar "
                "layer.nondistributable.v1.tar+gzip "
                "layer.nondistributable.v1.tar+zstd"),
            type + oci, len - oci);
    else if (len > docker &&
             OCITAR_I_ROM_COMPARE(type, OCITAR_I_ROM_TEXT(OCITAR_I_TYPE_DOCKER),
                                  docker) == 0)
        place = ocitar_i_check_listed(
            OCITAR_I_ROM_TEXT(
                "distribution.manifest.v2+json "
                "distribution.manifest.list.v2+json container.image.v1+json "
                "image.rootfs.diff.tar image.rootfs.diff.tar.gzip "
                "image.rootfs.diff.tar.zstd image.rootfs.foreign.diff.tar "
                "image.rootfs.foreign.diff.tar.gzip"),
            type + docker, len - docker);
    return (uint8_t)(place > 0 ? OCITAR_I_MEDIA_EMPTY + place
                               : OCITAR_I_MEDIA_OTHER);
}

/* The first rule that a document breaks is kept until it is known whether
   that matters. */
static void ocitar_i_check_bad(ocitar_checker *c, int rule)
{
    if (c->bad == 0 && ocitar_i_check_wanted(c, rule))
        c->bad = (uint8_t)rule;
}

static void ocitar_i_check_warn(ocitar_checker *c, int rule)
{
    if (OCITAR_I_FULL && c->warn == 0 && !c->desc.core)
        c->warn = (uint8_t)rule;
}

static uint32_t ocitar_i_check_hash(uint32_t h, const char *s)
{
    for (; s != NULL && *s != 0; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    return (h ^ 255) * 16777619u;
}

/* One byte for an architecture and an os, never 0: enough to warn by. */
static uint8_t ocitar_i_check_pair(uint32_t architecture, uint32_t os)
{
    return (uint8_t)(((architecture * 31 + os) >> 13) | 1);
}

/* A string of the open descriptor, behind the tokenizer's part of the buffer;
   NULL if there is no room. */
static const char *ocitar_i_check_keep(ocitar_checker *c, const char *text,
                                       size_t len)
{
    char *p = (char *)c->desc.buffer + c->strings;

    if (len >= c->desc.buffer_size - c->strings)
        return NULL;
    OCITAR_MEMCPY(p, text, len);
    p[len] = 0;
    c->strings += len + 1;
    return p;
}

static int ocitar_i_check_digits(const char *s, size_t n)
{
    while (n > 0)
        if (s[--n] < '0' || s[n] > '9')
            return 0;
    return 1;
}

static int ocitar_i_check_within(const char *s, int min, int max)
{
    int v = (s[0] - '0') * 10 + (s[1] - '0');

    return v >= min && v <= max;
}

/* RFC 3339, 5.6: 2024-02-29T12:00:00.5+01:00. */
static int ocitar_i_check_time(const char *s, size_t len)
{
    size_t i = 19;

    if (len < 20 || !ocitar_i_check_digits(s, 4) || s[4] != '-' ||
        !ocitar_i_check_digits(s + 5, 2) || s[7] != '-' ||
        !ocitar_i_check_digits(s + 8, 2) || (s[10] != 'T' && s[10] != 't') ||
        !ocitar_i_check_digits(s + 11, 2) || s[13] != ':' ||
        !ocitar_i_check_digits(s + 14, 2) || s[16] != ':' ||
        !ocitar_i_check_digits(s + 17, 2) ||
        !ocitar_i_check_within(s + 5, 1, 12) ||
        !ocitar_i_check_within(s + 8, 1, 31) ||
        !ocitar_i_check_within(s + 11, 0, 23) ||
        !ocitar_i_check_within(s + 14, 0, 59) ||
        !ocitar_i_check_within(s + 17, 0, 60))
        return 0;
    if (s[i] == '.')
        for (i++; i < len && s[i] >= '0' && s[i] <= '9'; i++)
            ;
    if (i == 20 || i == len)
        return 0;
    if (s[i] == 'Z' || s[i] == 'z')
        return i + 1 == len;
    return (s[i] == '+' || s[i] == '-') && len - i == 6 &&
           ocitar_i_check_digits(s + i + 1, 2) && s[i + 3] == ':' &&
           ocitar_i_check_digits(s + i + 4, 2) &&
           ocitar_i_check_within(s + i + 1, 0, 23) &&
           ocitar_i_check_within(s + i + 4, 0, 59);
}

/* OCI annotations, ref.name: alphanumeric parts, joined by one of "-._:@+/"
   or by "--". */
static int ocitar_i_check_ref(const char *s, size_t len)
{
    size_t i, run = 1;

    for (i = 0; i < len; i++) {
        if (ocitar_i_name_alnum(s[i]) || (s[i] >= 'A' && s[i] <= 'Z'))
            run = 0;
        else if (!ocitar_i_bytes_has("-._:@+/", 7, s[i]) ||
                 (run > 0 && !(run == 1 && i > 1 && s[i] == '-' &&
                               s[i - 1] == '-')))
            return 0;
        else
            run++;
    }
    return run == 0;
}

/* The rule that a digest's text breaks, 0: none. An algorithm that is not
   known here is told from the others by a digest of the text. */
static int ocitar_i_check_digest(ocitar_checker *c, const char *text,
                                 size_t len, ocitar_digest *out)
{
    int e = ocitar_digest_parse(out, text, len);
    ocitar_digester d;

    if (e == OCITAR_E_ARG || len == 0)
        return len > 7 && OCITAR_MEMCMP(text, "sha256:", 7) == 0   ? 20
               : len > 7 && OCITAR_MEMCMP(text, "sha512:", 7) == 0 ? 21
                                                                   : 12;
    if (e == OCITAR_OK)
        return 0;
    if (len > 7 && OCITAR_MEMCMP(text, "blake3:", 7) == 0) {
        size_t i = 7;

        while (i < len && ((text[i] >= '0' && text[i] <= '9') ||
                           (text[i] >= 'a' && text[i] <= 'f')))
            i++;
        if (len != 7 + 64 || i < len)
            return 22;
    }
    ocitar_i_digester_begin(&d, OCITAR_SHA256, NULL, c->kernel);
    ocitar_digester_update(&d, text, len);
    ocitar_digester_end(&d, out);
    out->algorithm = OCITAR_I_DIGEST_OTHER;
    return 0;
}

/* Base64 as it passes, into its own digester. */
static void ocitar_i_check_base64(ocitar_checker *c, const char *s, size_t len)
{
    uint8_t bytes[3];
    size_t i;

    for (i = 0; i < len; i++) {
        unsigned ch = (unsigned char)s[i];
        uint32_t v = ch >= 'A' && ch <= 'Z'   ? ch - 'A'
                     : ch >= 'a' && ch <= 'z' ? ch - 'a' + 26
                     : ch >= '0' && ch <= '9' ? ch - '0' + 52
                     : ch == '+'              ? 62
                     : ch == '/'              ? 63
                     : ch == '='              ? 64
                                              : 65;
        unsigned at = c->base64 & 3, ended = c->base64 >> 2;

        /* "=" only in the third and fourth place, and then nothing but "=" */
        if (v == 65 || (v == 64 && at < 2) || (v != 64 && ended) ||
            (ended && at == 0)) {
            OCITAR_I_BAD(c, 16);
            return;
        }
        if (v == 64)
            ended++;
        c->bits = c->bits << 6 | (v & 63);
        at = (at + 1) & 3;
        c->base64 = (uint8_t)(ended << 2 | at);
        if (at != 0)
            continue;
        bytes[0] = (uint8_t)(c->bits >> 16);
        bytes[1] = (uint8_t)(c->bits >> 8);
        bytes[2] = (uint8_t)c->bits;
        ocitar_digester_update(&c->data, bytes, 3 - ended);
        c->inlined += 3 - ended;
    }
}

static void ocitar_i_check_desc_reset(ocitar_checker *c)
{
    OCITAR_MEMSET(&c->claim, 0, sizeof c->claim);
    c->strings = 256;
    c->media = OCITAR_I_MEDIA_NONE;
    c->os_version = 0;
    c->got = 0;
    c->base64 = 0;
    c->inlined = 0;
    c->json.copying = 0;
    c->json.copied = 0;
}

static void ocitar_i_check_desc_begin(ocitar_checker *c)
{
    ocitar_i_check_desc_reset(c);
    if (c->desc.raw_size == 0)
        return;
    c->json.copy = c->desc.raw; /* its brace has passed already */
    c->json.copy_size = (uint32_t)c->desc.raw_size;
    c->json.copy[0] = '{';
    c->json.copied = 1;
    c->json.copying = 1;
}

/* Tells the claim to who asked for it. */
static void ocitar_i_check_told(ocitar_checker *c)
{
    int code;

    c->claim.document = c->file == OCITAR_I_FILE_BLOB ? &c->digest : NULL;
    if (c->desc.claim_fn == NULL || c->error == OCITAR_E_HOOK)
        return;
    code = c->desc.claim_fn(c->desc.user, &c->claim);
    if (code != 0)
        ocitar_i_check_stop(c, code);
}

/* The claim goes into the table. */
static void ocitar_i_check_claim(ocitar_checker *c)
{
    const ocitar_claim *cl = &c->claim;
    const ocitar_digest *d = &cl->digest;
    uint8_t key[32];
    ocitar_slot *s;

    ocitar_i_check_key_of(c, d, key);
    s = ocitar_i_check_find(c, key, d->algorithm, 0);
    if (s == NULL) {
        s = ocitar_i_check_add(c, key, d->algorithm);
    } else if (s->flags & OCITAR_I_SLOT_CLAIMED) { /* a further claim: not in
                                                      the blob's chain */
        s = ocitar_i_check_take(
            c, ocitar_i_check_place(c->node ^ (uint32_t)cl->role << 28,
                                    cl->position));
        if (s != NULL) {
            OCITAR_MEMCPY(s->key, key, 32);
            s->algorithm = d->algorithm;
        }
    }
    if (s != NULL) { /* else the table is too small, and nothing is judged */
        s->flags |= OCITAR_I_SLOT_CLAIMED;
        s->role = cl->role;
        s->parent = c->node;
        s->position = cl->position;
        s->claimed = cl->size;
        s->media = c->media;
    }
    if (OCITAR_I_FULL && s != NULL) { /* for rules 46 and 54 */
        s->platform = !(c->got & OCITAR_I_GOT_PLATFORM)
                          ? 0
                          : ocitar_i_check_pair(
                                ocitar_i_check_hash(0, cl->architecture),
                                ocitar_i_check_hash(0, cl->os));
        s->hint = ocitar_i_check_hash(0, cl->architecture);
        s->hint = ocitar_i_check_hash(s->hint, cl->os);
        s->hint = ocitar_i_check_hash(s->hint, cl->variant) ^ c->os_version;
        s->hint = ocitar_i_check_hash(s->hint, cl->reference);
        s->hint = ocitar_i_check_hash(s->hint, cl->name);
        if (cl->artifact_type != NULL) /* artifacts are told by digest */
            s->hint += ocitar_i_bytes_load32(s->key);
    }
    if (cl->role == OCITAR_ROLE_CONFIG && c->node != 0 && s != NULL)
        c->desc.slots[c->node - 1].note = ocitar_i_check_index(c, s) + 1;
    ocitar_i_check_told(c);
}

/* {}, whose digest everybody knows. */
static int ocitar_i_check_empty_ok(const ocitar_claim *cl)
{
    static const uint8_t sha256[32] OCITAR_I_ROM = {
    0x44, 0x13, 0x6f, 0xa3, 0x55, 0xb3, 0x67, 0x8a, 0x11, 0x46, 0xad,
    0x16, 0xf7, 0xe8, 0x64, 0x9e, 0x94, 0xfb, 0x4f, 0xc2, 0x1f, 0xe7,
    0x7e, 0x83, 0x10, 0xc0, 0x60, 0xf6, 0x1c, 0xaa, 0xff, 0x8a
    };

    return cl->size == 2 &&
           (cl->digest.algorithm != OCITAR_SHA256 ||
            OCITAR_I_ROM_COMPARE(cl->digest.bytes, sha256, 32) == 0);
}

/* What a descriptor's place in a document asks of it. */
static void ocitar_i_check_desc_role(ocitar_checker *c, uint8_t context)
{
    int image = c->media == OCITAR_I_MEDIA_CONFIG;
    int tar = c->media >= OCITAR_I_MEDIA_TAR;

    switch (context) {
    case OCITAR_I_CTX_CONFIG:
        c->claim.role = OCITAR_ROLE_CONFIG;
        c->facts |= OCITAR_I_HAS_CONFIG;
        if (image)
            c->facts |= OCITAR_I_HAS_IMAGE;
        if (c->media == OCITAR_I_MEDIA_EMPTY)
            c->facts |= OCITAR_I_HAS_EMPTY;
        break;
    case OCITAR_I_CTX_LAYER:
        c->claim.role = OCITAR_ROLE_LAYER;
        c->claim.position = c->layers++;
        if (!tar)
            c->facts |= OCITAR_I_HAS_OTHER_LAYER;
        if (c->media >= OCITAR_I_MEDIA_FOREIGN)
            ocitar_i_check_warn(c, 59);
        break;
    case OCITAR_I_CTX_MANIFEST:
        c->claim.role = OCITAR_ROLE_MANIFEST;
        c->claim.position = c->manifests++;
        if (c->media == OCITAR_I_MEDIA_MANIFEST &&
            !(c->got & OCITAR_I_GOT_PLATFORM) &&
            c->claim.artifact_type == NULL)
            ocitar_i_check_warn(c, 19);
        break;
    default:
        c->claim.role = OCITAR_ROLE_SUBJECT;
    }
    if (c->claim.reference != NULL &&
        (context != OCITAR_I_CTX_MANIFEST || c->node != 0))
        ocitar_i_check_warn(c, 10);
}

/* Does inline data have the digest and size that stand beside it? */
static void ocitar_i_check_desc_data(ocitar_checker *c)
{
    ocitar_digest actual;

    if (!OCITAR_I_HAS(16) || !(c->got & OCITAR_I_GOT_DATA))
        return;
    if ((c->base64 & 3) != 0 || ocitar_digester_end(&c->data, &actual) != 0 ||
        c->inlined != c->claim.size ||
        (c->claim.digest.algorithm == OCITAR_SHA256 &&
         !ocitar_digest_equal(&actual, &c->claim.digest)))
        OCITAR_I_BAD(c, 16);
    else if (c->claim.digest.algorithm != OCITAR_SHA256 && c->bad == 0)
        c->unchecked |= 4;
}

static void ocitar_i_check_desc_end(ocitar_checker *c, uint8_t context)
{
    const uint8_t all = OCITAR_I_GOT_MEDIA | OCITAR_I_GOT_DIGEST |
                        OCITAR_I_GOT_SIZE;

    c->json.copying = 0;
    if (context == OCITAR_I_CTX_CONFIG && (c->got & all) == 0)
        return; /* that of a config: how to run it */
    if (c->json.copied <= c->json.copy_size && c->json.copied > 0) {
        c->claim.raw = c->desc.raw;
        c->claim.raw_len = c->json.copied;
    }
    if (!(c->got & OCITAR_I_GOT_MEDIA))
        OCITAR_I_BAD(c, 11);
    else if (!(c->got & OCITAR_I_GOT_DIGEST))
        OCITAR_I_BAD(c, 12);
    else if (!(c->got & OCITAR_I_GOT_SIZE))
        OCITAR_I_BAD(c, 13);
    if (OCITAR_I_HAS(40) && c->media == OCITAR_I_MEDIA_EMPTY &&
        (c->got & all) == all && !ocitar_i_check_empty_ok(&c->claim))
        OCITAR_I_BAD(c, 40);
    ocitar_i_check_desc_data(c);
    ocitar_i_check_desc_role(c, context);
    if ((c->got & all) == all && c->file != OCITAR_I_FILE_LAYOUT)
        ocitar_i_check_claim(c);
}

/* A platform's words. */
static void ocitar_i_check_platform(ocitar_checker *c, uint8_t field,
                                    const char *word)
{
    if (field == OCITAR_I_F_P_ARCH) {
        c->claim.architecture = word;
        c->got |= OCITAR_I_GOT_ARCH;
        if (OCITAR_I_FULL && word != NULL &&
            !ocitar_i_check_listed(
                OCITAR_I_ROM_TEXT("386 amd64 arm arm64 loong64 mips mipsle "
                                  "mips64 mips64le ppc64 ppc64le riscv64 "
                                  "s390x wasm unknown"),
                word, ocitar_i_bytes_length(word, 0)))
            ocitar_i_check_warn(c, 45);
    } else if (field == OCITAR_I_F_P_OS) {
        c->claim.os = word;
        c->got |= OCITAR_I_GOT_OS;
        if (OCITAR_I_FULL && word != NULL &&
            !ocitar_i_check_listed(
                OCITAR_I_ROM_TEXT("linux windows darwin freebsd netbsd "
                                  "openbsd android aix dragonfly illumos ios "
                                  "js plan9 solaris wasip1 unknown"),
                word, ocitar_i_bytes_length(word, 0)))
            ocitar_i_check_warn(c, 45);
    } else if (field == OCITAR_I_F_P_VARIANT) {
        c->claim.variant = word;
    } else {
        c->os_version = ocitar_i_check_hash(0, word);
    }
}

static void ocitar_i_check_size(ocitar_checker *c, const char *s, size_t len)
{
    uint64_t v = 0;
    size_t i;

    for (i = 0; i < len && s[i] >= '0' && s[i] <= '9'; i++) {
        if (v >= (uint64_t)INT64_MAX / 10 && /* no division of 64 bits */
            (v > (uint64_t)INT64_MAX / 10 ||
             s[i] - '0' > (int)(INT64_MAX % 10)))
            break;
        v = v * 10 + (uint64_t)(s[i] - '0');
    }
    c->claim.size = v;
    if (i != len)
        OCITAR_I_BAD(c, 13);
    else
        c->got |= OCITAR_I_GOT_SIZE;
    if (v >> 53 != 0)
        ocitar_i_check_warn(c, 27);
}

/* A digest of the layers below, as a config lists them. */
static void ocitar_i_check_diff(ocitar_checker *c, const char *s, size_t len)
{
    int rule;

    ocitar_i_check_desc_reset(c);
    rule = ocitar_i_check_digest(c, s, len, &c->claim.digest);
    if (rule != 0)
        ocitar_i_check_bad(c, rule == 12 ? 49 : rule);
    c->claim.role = OCITAR_ROLE_DIFF_ID;
    c->claim.position = c->diffs++;
    if (rule != 0 || c->file != OCITAR_I_FILE_BLOB)
        return;
    if (OCITAR_I_HAS(49))
        ocitar_i_check_enter(c, OCITAR_ROLE_DIFF_ID, c->node,
                             c->claim.position, &c->claim.digest);
    ocitar_i_check_told(c);
}

/* A word of a config's platform, cut. */
static void ocitar_i_check_word(char out[16], const char *word, size_t len)
{
    len = len < 15 ? len : 15;
    OCITAR_MEMCPY(out, word, len);
    out[len] = 0;
}

/* Strings of a document as a whole. */
static void ocitar_i_check_doc_string(ocitar_checker *c, uint8_t field,
                                      const char *s, size_t len)
{
    switch (field) {
    case OCITAR_I_F_DOC_MEDIA:
        c->facts |= OCITAR_I_HAS_MEDIA;
        c->doc_media = ocitar_i_check_media(s, len);
        break;
    case OCITAR_I_F_DOC_ARTIFACT:
        if (len > 0)
            c->facts |= OCITAR_I_HAS_ARTIFACT;
        if (OCITAR_I_HAS(18) && len > 0 && !ocitar_i_name_media_type_ok(s, len))
            OCITAR_I_BAD(c, 18);
        break;
    case OCITAR_I_F_ARCH:
    case OCITAR_I_F_OS:
        if (len > 0)
            c->facts |= field == OCITAR_I_F_ARCH ? OCITAR_I_HAS_ARCH
                                                 : OCITAR_I_HAS_OS;
        ocitar_i_check_word(c->words[field == OCITAR_I_F_OS], s, len);
        break;
    case OCITAR_I_F_VARIANT:
        ocitar_i_check_word(c->words[2], s, len);
        break;
    case OCITAR_I_F_VERSION:
        if (!ocitar_i_bytes_equal(s, len, "1.0.0", 5))
            OCITAR_I_BAD(c, 2);
        c->facts |= OCITAR_I_HAS_VERSION;
        break;
    default:
        if (OCITAR_I_HAS(48) && !ocitar_i_bytes_equal(s, len, "layers", 6))
            OCITAR_I_BAD(c, 48);
        c->facts |= OCITAR_I_HAS_TYPE;
    }
}

/* Strings of a descriptor. */
static void ocitar_i_check_desc_string(ocitar_checker *c, uint8_t field,
                                       const char *s, size_t len)
{
    const char *kept = field == OCITAR_I_F_DIGEST || len == 0
                           ? NULL
                           : ocitar_i_check_keep(c, s, len);
    int rule;

    switch (field) {
    case OCITAR_I_F_MEDIA: /* what it is must not hang on the room for it */
        c->claim.media_type = kept;
        c->media = ocitar_i_check_media(s, len);
        c->got |= OCITAR_I_GOT_MEDIA;
        if (len == 0 || !ocitar_i_name_media_type_ok(s, len))
            OCITAR_I_BAD(c, 11);
        break;
    case OCITAR_I_F_ARTIFACT:
        c->claim.artifact_type = kept;
        if (OCITAR_I_HAS(18) &&
            (len == 0 || !ocitar_i_name_media_type_ok(s, len)))
            OCITAR_I_BAD(c, 18);
        break;
    case OCITAR_I_F_DIGEST:
        rule = ocitar_i_check_digest(c, s, len, &c->claim.digest);
        if (rule == 0)
            c->got |= OCITAR_I_GOT_DIGEST;
        else
            ocitar_i_check_bad(c, rule);
        break;
    case OCITAR_I_F_REF:
        c->claim.reference = kept;
        if (OCITAR_I_FULL && !ocitar_i_check_ref(s, len))
            ocitar_i_check_warn(c, 60);
        break;
    case OCITAR_I_F_NAME:
        c->claim.name = kept;
        break;
    case OCITAR_I_F_TITLE:
        c->claim.title = kept;
        break;
    default:
        ocitar_i_check_platform(c, field, kept);
    }
}

/* A value that is too long to be one, or has a NUL in it. */
static void ocitar_i_check_long(ocitar_checker *c, uint8_t field)
{
    switch (field) {
    case OCITAR_I_F_SCHEMA:
        c->facts |= OCITAR_I_HAS_SCHEMA;
        OCITAR_I_BAD(c, 31);
        break;
    case OCITAR_I_F_TIME:
        OCITAR_I_BAD(c, 50);
        break;
    case OCITAR_I_F_MEDIA:
    case OCITAR_I_F_DIGEST:
    case OCITAR_I_F_SIZE:
        ocitar_i_check_bad(c, 11 + (field - OCITAR_I_F_MEDIA));
        break;
    case OCITAR_I_F_DOC_ARTIFACT:
    case OCITAR_I_F_ARTIFACT:
        OCITAR_I_BAD(c, 18);
        break;
    case OCITAR_I_F_DIFF:
        OCITAR_I_BAD(c, 49);
        break;
    case OCITAR_I_F_DATA:
        OCITAR_I_BAD(c, 16);
        break;
    case OCITAR_I_F_REF:
        ocitar_i_check_warn(c, 60);
        break;
    case OCITAR_I_F_DOC_MEDIA:
    case OCITAR_I_F_ARCH:
    case OCITAR_I_F_OS:
    case OCITAR_I_F_VARIANT:
    case OCITAR_I_F_VERSION:
    case OCITAR_I_F_ROOTFS:
        ocitar_i_check_doc_string(c, field, "", 0);
        break;
    default:
        break;
    }
}

/* A scalar value. */
static void ocitar_i_check_value(ocitar_checker *c, uint8_t field, int token,
                                 const char *s, size_t len)
{
    ocitar_digest digest;

    switch (field) {
    case OCITAR_I_F_NONE:
        break;
    case OCITAR_I_F_SCHEMA:
        c->facts |= OCITAR_I_HAS_SCHEMA;
        if (!ocitar_i_bytes_equal(s, len, "2", 1))
            OCITAR_I_BAD(c, 31);
        break;
    case OCITAR_I_F_TIME:
        if (OCITAR_I_HAS(50) && token == OCITAR_JSON_STRING &&
            !ocitar_i_check_time(s, len))
            OCITAR_I_BAD(c, 50);
        break;
    case OCITAR_I_F_NOTE_TIME:
        if (OCITAR_I_FULL && !ocitar_i_check_time(s, len))
            ocitar_i_check_warn(c, 60);
        break;
    case OCITAR_I_F_NOTE_DIGEST:
        if (OCITAR_I_FULL &&
            (len == 0 || ocitar_digest_parse(&digest, s, len) == OCITAR_E_ARG))
            ocitar_i_check_warn(c, 60);
        break;
    case OCITAR_I_F_SIZE:
        ocitar_i_check_size(c, s, len);
        break;
    case OCITAR_I_F_DATA:
        if (OCITAR_I_HAS(16))
            ocitar_i_check_base64(c, s, len);
        c->got |= OCITAR_I_GOT_DATA;
        break;
    case OCITAR_I_F_EMPTY:
        if (token == OCITAR_JSON_TRUE)
            c->facts |= OCITAR_I_HAS_EMPTY_LINE;
        break;
    case OCITAR_I_F_URL:
        if (OCITAR_I_FULL &&
            (len < 8 || (OCITAR_MEMCMP(s, "http://", 7) != 0 &&
                         OCITAR_MEMCMP(s, "https://", 8) != 0)))
            ocitar_i_check_warn(c, 15);
        break;
    case OCITAR_I_F_DIFF:
        ocitar_i_check_diff(c, s, len);
        break;
    case OCITAR_I_F_ENV:
        if (OCITAR_I_FULL &&
            (len == 0 || s[0] == '=' || !ocitar_i_bytes_has(s, len, '=')))
            ocitar_i_check_warn(c, 52);
        break;
    default:
        if (field <= OCITAR_I_F_VERSION || field == OCITAR_I_F_ROOTFS)
            ocitar_i_check_doc_string(c, field, s, len);
        else
            ocitar_i_check_desc_string(c, field, s, len);
    }
}

/* OCI annotations: "org.opencontainers." is for those that are specified. */
static int ocitar_i_check_reserved(const char *s, size_t len)
{
    if (len < 19 || OCITAR_MEMCMP(s, "org.opencontainers.", 19) != 0)
        return 0;
    if (len < 25 || OCITAR_MEMCMP(s + 19, "image.", 6) != 0)
        return 1;
    return !ocitar_i_check_listed(
        OCITAR_I_ROM_TEXT("created authors url documentation source version "
                          "revision vendor licenses ref.name title "
                          "description base.digest base.name"),
        s + 25, len - 25);
}

/* OCI config: names that are kept for what others once did with them. */
static int ocitar_i_check_old(const char *s, size_t len)
{
    return ocitar_i_check_listed(
               OCITAR_I_ROM_TEXT("ArgsEscaped Memory MemorySwap CpuShares "
                                 "Healthcheck"),
               s, len) > 0;
}

static void ocitar_i_check_key(ocitar_checker *c, uint8_t context,
                               const char *s, size_t len)
{
    char port[16];

    if ((context == OCITAR_I_CTX_NOTES || context == OCITAR_I_CTX_LABELS ||
         context == OCITAR_I_CTX_DESC_NOTES) &&
        ocitar_i_check_reserved(s, len))
        ocitar_i_check_warn(c, 60);
    if (context == OCITAR_I_CTX_CONFIG && ocitar_i_check_old(s, len))
        ocitar_i_check_warn(c, 52);
    if (context != OCITAR_I_CTX_PORTS)
        return;
    port[0] = 0;
    if (len < sizeof port) {
        OCITAR_MEMCPY(port, s, len);
        port[len] = 0;
    }
    if (!ocitar_i_name_port_ok(port))
        ocitar_i_check_warn(c, 52);
}

static uint8_t ocitar_i_check_type(int token)
{
    switch (token) {
    case OCITAR_JSON_OBJECT:
        return OCITAR_I_T_OBJECT;
    case OCITAR_JSON_ARRAY:
        return OCITAR_I_T_ARRAY;
    case OCITAR_JSON_STRING:
        return OCITAR_I_T_STRING;
    case OCITAR_JSON_NUMBER:
        return OCITAR_I_T_NUMBER;
    case OCITAR_JSON_NULL:
        return OCITAR_I_T_NULL;
    default:
        return OCITAR_I_T_BOOL;
    }
}

static uint8_t ocitar_i_check_context(const ocitar_checker *c, size_t depth)
{
    return depth == 0 || depth > sizeof c->contexts
               ? (uint8_t)OCITAR_I_CTX_NONE
               : c->contexts[depth - 1];
}

/* An object or array begins: what it is, and what begins with it. */
static void ocitar_i_check_open(ocitar_checker *c, uint8_t context)
{
    if (c->json.depth <= sizeof c->contexts)
        c->contexts[c->json.depth - 1] = context;
    if (ocitar_i_check_is_desc(context))
        ocitar_i_check_desc_begin(c);
    else if (context == OCITAR_I_CTX_PLATFORM)
        c->got |= OCITAR_I_GOT_PLATFORM;
    else if (context == OCITAR_I_CTX_LAYERS)
        c->facts |= OCITAR_I_HAS_LAYERS;
    else if (context == OCITAR_I_CTX_MANIFESTS)
        c->facts |= OCITAR_I_HAS_MANIFESTS;
    else if (context == OCITAR_I_CTX_ROOTFS)
        c->facts |= OCITAR_I_HAS_ROOTFS;
    else if (context == OCITAR_I_CTX_DIFFS)
        c->facts |= OCITAR_I_HAS_DIFFS;
    else if (context == OCITAR_I_CTX_HISTORY)
        c->facts |= OCITAR_I_HAS_HISTORY;
    else if (context == OCITAR_I_CTX_LINE)
        c->facts &= ~(uint32_t)OCITAR_I_HAS_EMPTY_LINE;
}

/* OCI index, variants: "v7", "v8.2"; RISC-V has "rva22u64", POWER "power9". */
static int ocitar_i_check_variant(const char *s)
{
    size_t len = ocitar_i_bytes_length(s, 0);
    size_t at = len > 3 && OCITAR_MEMCMP(s, "rva", 3) == 0   ? 3
                : len > 5 && OCITAR_MEMCMP(s, "power", 5) == 0 ? 5
                : len > 1 && s[0] == 'v'                     ? 1
                                                             : 0;

    return s == NULL || (at > 0 && s[at] >= '0' && s[at] <= '9');
}

static void ocitar_i_check_shut(ocitar_checker *c, uint8_t context)
{
    const uint8_t both = OCITAR_I_GOT_ARCH | OCITAR_I_GOT_OS;

    if (ocitar_i_check_is_desc(context))
        ocitar_i_check_desc_end(c, context);
    else if (context == OCITAR_I_CTX_PLATFORM && (c->got & both) != both)
        OCITAR_I_BAD(c, 45);
    else if (OCITAR_I_FULL && context == OCITAR_I_CTX_PLATFORM &&
             !ocitar_i_check_variant(c->claim.variant))
        ocitar_i_check_warn(c, 45);
    else if (context == OCITAR_I_CTX_LINE &&
             !(c->facts & OCITAR_I_HAS_EMPTY_LINE))
        c->history++;
}

/* Fields and contexts have numbers of their own. */
static int ocitar_i_check_is_data(uint8_t number)
{
    ocitar_i_check_row row = ocitar_i_check_row_at(number);

    return OCITAR_I_HAS(16) && row.what == OCITAR_I_F_DATA &&
           row.types == OCITAR_I_T_STRING;
}

/* Inline data is hashed from its first piece on. */
static void ocitar_i_check_piece(ocitar_checker *c, const char *text,
                                 size_t len)
{
    if (c->json.key || !ocitar_i_check_is_data(c->row)) {
        c->part = 1;
        return;
    }
    ocitar_i_check_base64(c, text, len);
}

static int ocitar_i_check_token(void *user, int token, const char *text,
                                size_t len)
{
    ocitar_checker *c = (ocitar_checker *)user;
    size_t depth = c->json.depth;
    int opens = token == OCITAR_JSON_OBJECT || token == OCITAR_JSON_ARRAY;
    uint8_t context = ocitar_i_check_context(c, depth - (size_t)opens);
    uint8_t number = c->row;
    ocitar_i_check_row row;

    if (token == OCITAR_JSON_PART) {
        ocitar_i_check_piece(c, text, len);
        return OCITAR_OK;
    }
    if (token == OCITAR_JSON_OBJECT_END || token == OCITAR_JSON_ARRAY_END) {
        ocitar_i_check_shut(c, ocitar_i_check_context(c, depth + 1));
        c->row = 0;
        return c->error;
    }
    if (token == OCITAR_JSON_KEY) {
        c->row = 0;
        if (!c->part)
            c->row = ocitar_i_check_row_in(context, text, len);
        if (c->row == 0 && !c->part &&
            ocitar_i_check_confused(context, text, len))
            OCITAR_I_BAD(c, 26);
        if (OCITAR_I_FULL && !c->part)
            ocitar_i_check_key(c, context, text, len);
        c->part = 0;
        if (ocitar_i_check_is_data(c->row))
            ocitar_i_digester_begin(&c->data, OCITAR_SHA256, NULL, c->kernel);
        return OCITAR_OK;
    }
    if (depth - (size_t)opens == 0) { /* the root */
        if (token == OCITAR_JSON_OBJECT)
            ocitar_i_check_open(c, OCITAR_I_CTX_ROOT);
        else if (opens)
            ocitar_i_check_open(c, OCITAR_I_CTX_NONE);
        return OCITAR_OK;
    }
    if (!(c->json.objects >> (depth - (size_t)opens - 1) & 1)) /* an array */
        number = ocitar_i_check_row_of(context, NULL, 0, 0);
    row = ocitar_i_check_row_at(number);
    c->row = 0;
    if (row.types != 0 && !(row.types & ocitar_i_check_type(token))) {
        ocitar_i_check_bad(c, row.rule);
        if (row.rule == 43 && row.name_len > 0) /* an index all the same */
            c->facts |= OCITAR_I_HAS_MANIFESTS;
        OCITAR_MEMSET(&row, 0, sizeof row);
    }
    if (opens)
        ocitar_i_check_open(c, row.what); /* 0: OCITAR_I_CTX_NONE */
    else if (row.types != 0 && (c->part || (token == OCITAR_JSON_STRING &&
                                            ocitar_i_bytes_has(text, len, 0))))
        ocitar_i_check_long(c, row.what);
    else if (row.types != 0 && !(row.types & (OCITAR_I_T_OBJECT |
                                              OCITAR_I_T_ARRAY)))
        ocitar_i_check_value(c, row.what, token, text, len);
    c->part = 0;
    return c->error;
}

static void ocitar_i_check_doc_begin(ocitar_checker *c)
{
    OCITAR_MEMSET(&c->json, 0, sizeof c->json);
    c->json.token_fn = ocitar_i_check_token;
    c->json.user = c;
    c->json.buffer = (char *)c->desc.buffer;
    c->json.capacity = 256;
    c->json.seen = c->desc.seen;
    c->json.seen_capacity = c->desc.seen != NULL ? c->desc.seen_count : 0;
    c->json.depth_max = c->desc.max_depth;
    c->json.tokens_max =
        c->desc.max_tokens > 0 ? c->desc.max_tokens : 16000000;
    c->document = ocitar_json_begin(&c->json) == OCITAR_OK;
    c->facts = 0;
    c->layers = c->manifests = c->diffs = c->history = 0;
    c->doc_media = OCITAR_I_MEDIA_NONE;
    c->part = 0;
    c->row = 0;
    OCITAR_MEMSET(c->words, 0, sizeof c->words);
    ocitar_i_check_desc_reset(c);
}

/* A manifest's own rules. */
static void ocitar_i_check_manifest(ocitar_checker *c)
{
    if (!(c->facts & OCITAR_I_HAS_SCHEMA))
        OCITAR_I_BAD(c, 31);
    if (c->facts & OCITAR_I_HAS_MEDIA &&
        c->doc_media != OCITAR_I_MEDIA_MANIFEST)
        OCITAR_I_BAD(c, 32);
    if (!(c->facts & OCITAR_I_HAS_CONFIG))
        OCITAR_I_BAD(c, 33);
    if (!(c->facts & OCITAR_I_HAS_LAYERS))
        OCITAR_I_BAD(c, 34);
    if (c->facts & OCITAR_I_HAS_EMPTY && !(c->facts & OCITAR_I_HAS_ARTIFACT))
        OCITAR_I_BAD(c, 37);
    if (!(c->facts & OCITAR_I_HAS_MEDIA))
        ocitar_i_check_warn(c, 32);
    if (c->layers == 0)
        ocitar_i_check_warn(c, 34);
    if (c->facts & OCITAR_I_HAS_IMAGE && c->facts & OCITAR_I_HAS_OTHER_LAYER)
        ocitar_i_check_warn(c, 38);
}

static void ocitar_i_check_index_doc(ocitar_checker *c)
{
    if (c->bad == 31 || !(c->facts & OCITAR_I_HAS_SCHEMA)) {
        c->bad = c->bad == 31 ? 0 : c->bad;
        OCITAR_I_BAD(c, 42);
    }
    if (c->facts & OCITAR_I_HAS_MEDIA && c->doc_media != OCITAR_I_MEDIA_INDEX)
        OCITAR_I_BAD(c, 42);
    if (c->facts & (OCITAR_I_HAS_LAYERS | OCITAR_I_HAS_CONFIG))
        OCITAR_I_BAD(c, 32);
    if (!(c->facts & OCITAR_I_HAS_MEDIA))
        ocitar_i_check_warn(c, 42);
}

static void ocitar_i_check_config(ocitar_checker *c)
{
    if (!(c->facts & OCITAR_I_HAS_ARCH) || !(c->facts & OCITAR_I_HAS_OS))
        OCITAR_I_BAD(c, 47);
    if (!(c->facts & OCITAR_I_HAS_ROOTFS) || !(c->facts & OCITAR_I_HAS_TYPE))
        OCITAR_I_BAD(c, 48);
    if (!(c->facts & OCITAR_I_HAS_DIFFS))
        OCITAR_I_BAD(c, 49);
    if (c->facts & OCITAR_I_HAS_HISTORY && c->history != c->diffs)
        ocitar_i_check_warn(c, 51);
    OCITAR_MEMSET(&c->claim, 0, sizeof c->claim);
    c->claim.role = OCITAR_ROLE_PLATFORM;
    c->claim.architecture = c->words[0];
    c->claim.os = c->words[1];
    c->claim.variant = c->words[2][0] != 0 ? c->words[2] : NULL;
    ocitar_i_check_told(c);
}

/* What a complete document is, by what it has. */
static uint8_t ocitar_i_check_kind(const ocitar_checker *c)
{
    if (c->facts & OCITAR_I_HAS_MANIFESTS)
        return OCITAR_I_BLOB_INDEX;
    if (c->facts & (OCITAR_I_HAS_LAYERS | OCITAR_I_HAS_CONFIG))
        return OCITAR_I_BLOB_MANIFEST;
    if (c->facts & OCITAR_I_HAS_VERSION)
        return OCITAR_I_BLOB_LAYOUT;
    if (c->facts & (OCITAR_I_HAS_ROOTFS | OCITAR_I_HAS_ARCH))
        return OCITAR_I_BLOB_CONFIG;
    return OCITAR_I_BLOB_JSON;
}

static uint8_t ocitar_i_check_doc_end(ocitar_checker *c)
{
    int e = ocitar_json_end(&c->json);
    uint8_t kind;

    c->document = 0;
    if (c->error == OCITAR_E_HOOK)
        return OCITAR_I_BLOB_BYTES;
    if (e != OCITAR_OK) {
        c->bad = e == OCITAR_E_UTF8        ? 25
                 : e == OCITAR_E_DUPLICATE ? 26
                 : e == OCITAR_E_LIMIT     ? 61
                                           : 0;
        return OCITAR_I_BLOB_BROKEN;
    }
    kind = ocitar_i_check_kind(c);
    if (kind == OCITAR_I_BLOB_MANIFEST)
        ocitar_i_check_manifest(c);
    else if (kind == OCITAR_I_BLOB_INDEX)
        ocitar_i_check_index_doc(c);
    else if (kind == OCITAR_I_BLOB_CONFIG)
        ocitar_i_check_config(c);
    else if (kind == OCITAR_I_BLOB_JSON)
        c->bad = c->warn = 0;
    if (c->json.unseen)
        ocitar_i_check_warn(c, OCITAR_I_UNCHECKED_NAMES);
    return kind;
}

/* -- layers: the tar in a blob, on suspicion -- */

static void ocitar_i_check_layer_bad(ocitar_layer_checker *l, uint8_t rule)
{
    if (l->bad == 0)
        l->bad = rule;
}

/* The paths that a layer has, and what links lead to. */
static void ocitar_i_check_paths(ocitar_layer_checker *l,
                                 const ocitar_entry *e, const char *name,
                                 size_t len)
{
    ocitar_digest digest;
    ocitar_key *key;

    if (l->unchecked != 0) /* a full table is slow to look into */
        return;
    if (e->typeflag == '1') {
        ocitar_i_name_key(e->linkname, e->linkname_len, l->kernel,
                                &digest);
        key = ocitar_i_keys_slot(l->paths, l->path_count, &digest);
        if (key == NULL ||
            OCITAR_MEMCMP(key->bytes, digest.bytes, 32) != 0)
            ocitar_i_check_layer_bad(l, 56);
    }
    ocitar_i_name_key(name, len, l->kernel, &digest);
    key = ocitar_i_keys_slot(l->paths, l->path_count, &digest);
    if (key == NULL) {
        l->unchecked = 55;
        return;
    }
    if (OCITAR_MEMCMP(key->bytes, digest.bytes, 32) == 0)
        ocitar_i_check_layer_bad(l, 55);
    OCITAR_MEMCPY(key->bytes, digest.bytes, 32);
}

/* A whiteout of what the same layer has stands too late. */
static void ocitar_i_check_hidden(ocitar_layer_checker *l, const char *name,
                                  size_t start, size_t end)
{
    ocitar_digester d;
    ocitar_digest digest;
    ocitar_key *key;

    if (l->unchecked != 0)
        return;
    ocitar_i_digester_begin(&d, OCITAR_SHA256, NULL, l->kernel);
    ocitar_i_name_parts(&d, name, start); /* a '/' is its last, if any */
    ocitar_i_name_parts(&d, name + start + 4, end - start - 4);
    ocitar_digester_end(&d, &digest);
    key = ocitar_i_keys_slot(l->paths, l->path_count, &digest);
    if (key != NULL && OCITAR_MEMCMP(key->bytes, digest.bytes, 32) == 0 &&
        l->warn == 0)
        l->warn = 58;
}

static void ocitar_i_check_whiteout(ocitar_layer_checker *l,
                                    const ocitar_entry *e)
{
    size_t end = e->name_len;
    size_t start = ocitar_i_name_last(e->name, &end);
    const char *last = e->name + start;

    if (ocitar_i_bytes_equal(last, end - start, ".wh..wh..opq", 12)) {
        if ((e->typeflag != '0' && e->typeflag != '7') || e->size != 0)
            ocitar_i_check_layer_bad(l, 57);
        return;
    }
    if ((e->typeflag != '0' && e->typeflag != '7') || e->size != 0 ||
        end - start == 4 ||
        (end - start >= 8 && OCITAR_MEMCMP(last + 4, ".wh.", 4) == 0))
        ocitar_i_check_layer_bad(l, 57);
    else
        ocitar_i_check_hidden(l, e->name, start, end);
}

static int ocitar_i_check_layer_entry(void *user, const ocitar_entry *e)
{
    ocitar_layer_checker *l = (ocitar_layer_checker *)user;

    if (e->name_len == 0 || !ocitar_i_name_ok(e->name, e->name_len) ||
        (e->typeflag == '1' &&
         (e->linkname_len == 0 ||
          !ocitar_i_name_ok(e->linkname, e->linkname_len)))) {
        ocitar_i_check_layer_bad(l, 61);
        return 0;
    }
    if (l->reader.decoder.sparse && l->warn == 0)
        l->warn = 55;
    if (ocitar_i_name_in_whiteout(e->name, e->name_len))
        ocitar_i_check_layer_bad(l, 57);
    if (ocitar_i_name_is_whiteout(e->name, e->name_len))
        ocitar_i_check_whiteout(l, e);
    ocitar_i_check_paths(l, e, e->name, e->name_len);
    return 0;
}

static void ocitar_i_check_layer_begin(ocitar_checker *c)
{
    ocitar_layer_checker *l = OCITAR_I_LAYER(c);
    ocitar_reader_desc d;

    OCITAR_MEMSET(&d, 0, sizeof d);
    d.buffer = c->desc.layer_buffer;
    d.buffer_size = c->desc.layer_buffer_size;
    d.entry_fn = ocitar_i_check_layer_entry;
    d.user = l;
    d.max_entries = UINT64_MAX;
    ocitar_reader_begin(&l->reader, &d);
    l->paths = c->desc.paths;
    l->path_count = c->desc.path_count;
    l->kernel = c->kernel;
    l->bad = l->warn = l->unchecked = 0;
    OCITAR_MEMSET(l->paths, 0, (size_t)l->path_count * sizeof l->paths[0]);
}

/* Uncompressed bytes of what may be a layer. */
static void ocitar_i_check_layer_push(ocitar_checker *c, const void *data,
                                      size_t len)
{
    if (OCITAR_I_LAYER(c) != NULL &&
        OCITAR_I_LAYER(c)->reader.error == OCITAR_OK)
        ocitar_reader_push(&OCITAR_I_LAYER(c)->reader, data, len);
}

static void ocitar_i_check_layer_end(ocitar_checker *c)
{
    ocitar_layer_checker *l = OCITAR_I_LAYER(c);
    int e;

    if (l == NULL)
        return;
    e = ocitar_reader_end(&l->reader);
    if (e == OCITAR_E_LIMIT || e == OCITAR_E_UNSUPPORTED)
        l->unchecked = 55;
    else if (e == OCITAR_E_SIZE && l->reader.entries > 0 && !l->reader.open &&
             l->reader.held == 0)
        l->warn = l->warn == 0 ? 55 : l->warn; /* only its end mark lacks */
    else if (e != OCITAR_OK)
        ocitar_i_check_layer_bad(l, 55);
}

/* -- blobs -- */

static int ocitar_i_check_put(void *user, const void *data, size_t len)
{
    ocitar_checker *c = (ocitar_checker *)user;

    c->unpacked += len;
    if (c->unpacked > c->desc.max_unpacked)
        return OCITAR_E_LIMIT;
    ocitar_digester_update(&c->data, data, len);
    ocitar_i_check_layer_push(c, data, len);
    return 0;
}

/* The codec failed, or gave too much: what is in the blob is not known. */
static void ocitar_i_check_coded(ocitar_checker *c, int code)
{
    if (code == 0)
        return;
    ocitar_i_check_bad(c, code == OCITAR_E_LIMIT ? 61 : 59);
    c->codec->end_fn(c->codec->user, NULL, NULL);
    c->codec = NULL;
}

static void ocitar_i_check_unpack(ocitar_checker *c, const void *data,
                                  size_t len)
{
    if (OCITAR_I_CODEC(c) != NULL)
        ocitar_i_check_coded(c, c->codec->write_fn(c->codec->user, data, len,
                                                   ocitar_i_check_put, c));
}

/* The first bytes tell what the others are. */
static void ocitar_i_check_sniff(ocitar_checker *c)
{
    const uint8_t *m = c->magic;
    uint8_t kind = OCITAR_I_BLOB_BYTES;

    if (c->magic_len >= 2 && m[0] == 0x1f && m[1] == 0x8b)
        kind = OCITAR_I_BLOB_GZIP;
    if (c->magic_len >= 4 && m[0] == 0x28 && m[1] == 0xb5 && m[2] == 0x2f &&
        m[3] == 0xfd)
        kind = OCITAR_I_BLOB_ZSTD;
    c->kind = kind;
    if (c->magic_len == 0 || m[0] == '{' || m[0] == ' ' || m[0] == '\n' ||
        m[0] == '\t' || m[0] == '\r')
        ocitar_i_check_doc_begin(c); /* or a tar, whose first name is so */
    if (OCITAR_I_LAYER(c) != NULL)
        ocitar_i_check_layer_begin(c);
    c->unpacked = 0;
    if (!OCITAR_I_FULL || kind == OCITAR_I_BLOB_BYTES ||
        c->desc.codec_fn == NULL)
        return;
    c->codec = c->desc.codec_fn(c->desc.user, m);
    if (OCITAR_I_CODEC(c) != NULL && c->codec->begin_fn(c->codec->user) != 0)
        c->codec = NULL;
    if (OCITAR_I_CODEC(c) != NULL)
        ocitar_i_digester_begin(&c->data, OCITAR_SHA256, NULL, c->kernel);
}

/* Bytes behind what was sniffed. */
static void ocitar_i_check_content(ocitar_checker *c, const void *data,
                                   size_t len)
{
    if (c->document)
        c->document = ocitar_json_push(&c->json, data, len) == OCITAR_OK
                          ? 1
                          : 2; /* broken; the rest is not looked at */
    if (c->kind == OCITAR_I_BLOB_BYTES)
        ocitar_i_check_layer_push(c, data, len);
    else
        ocitar_i_check_unpack(c, data, len);
}

static int ocitar_i_check_data(void *user, const void *data, size_t len)
{
    ocitar_checker *c = (ocitar_checker *)user;
    const uint8_t *p = (const uint8_t *)data;
    int code;

    if (c->file == OCITAR_I_FILE_INDEX || c->file == OCITAR_I_FILE_LAYOUT)
        ocitar_json_push(&c->json, data, len);
    if (c->file != OCITAR_I_FILE_BLOB)
        return c->error;
    if (c->blob.live == 1) /* 2: it has all bytes, see ocitar_checker_read */
        ocitar_digester_update(&c->blob, data, len);
    if (c->tap) {
        code = c->desc.tap_fn(c->desc.user, data, len);
        if (code != 0)
            return ocitar_i_check_stop(c, code);
    }
    while (c->magic_len < 4 && len > 0) {
        c->magic[c->magic_len++] = *p++;
        len--;
        if (c->magic_len == 4) {
            ocitar_i_check_sniff(c);
            ocitar_i_check_content(c, c->magic, 4);
        }
    }
    if (len > 0)
        ocitar_i_check_content(c, p, len);
    return c->error;
}

/* The end of a compressed or plain layer, as far as it was looked into. */
static void ocitar_i_check_unpacked(ocitar_checker *c)
{
    const ocitar_layer_checker *l = OCITAR_I_LAYER(c);
    ocitar_digest digest;
    int plain = c->kind == OCITAR_I_BLOB_BYTES;

    if (OCITAR_I_CODEC(c) != NULL) {
        const ocitar_codec *codec = c->codec;
        int code = codec->end_fn(codec->user, ocitar_i_check_put, c);

        c->codec = NULL;
        if (code != 0)
            ocitar_i_check_bad(c, code == OCITAR_E_LIMIT ? 61 : 59);
        else if (ocitar_digester_end(&c->data, &digest) == OCITAR_OK &&
                 c->node != 0)
            ocitar_i_check_enter(c, OCITAR_I_ROLE_UNPACKED, c->node, 0,
                                 &digest);
        plain = code == 0;
    }
    if (l == NULL || !plain)
        return;
    ocitar_i_check_layer_end(c);
    if (l->bad != 0)
        ocitar_i_check_bad(c, l->bad);
    if (l->warn != 0)
        ocitar_i_check_warn(c, l->warn);
    if (l->unchecked != 0)
        ocitar_i_check_warn(c, OCITAR_I_UNCHECKED_LAYER);
}

/* What began as a document does and is none was perhaps a tar, whose first
   name begins so. */
static void ocitar_i_check_perhaps(ocitar_checker *c)
{
    if (OCITAR_I_LAYER(c) == NULL || !OCITAR_I_LAYER(c)->reader.ended)
        return;
    c->kind = OCITAR_I_BLOB_BYTES;
    c->bad = c->warn = 0;
    ocitar_i_check_unpacked(c);
}

/* Does the blob have the digest of its name? */
static OCITAR_I_APART int ocitar_i_check_blob_digest(ocitar_checker *c)
{
    ocitar_finding f;

    OCITAR_MEMSET(&f, 0, sizeof f);
    if (c->blob.live && ocitar_digester_end(&c->blob, &f.actual) != OCITAR_OK)
        return ocitar_i_check_hash_failed(c);
    if (f.actual.algorithm != 0 &&
        !ocitar_digest_equal(&f.actual, &c->digest)) {
        f.expected = f.digest = c->digest;
        ocitar_i_check_tell(c, &f, 4, OCITAR_ERROR);
    }
    return OCITAR_OK;
}

/* The blob's content is complete. */
static int ocitar_i_check_blob_done(ocitar_checker *c)
{
    ocitar_slot *s = c->node != 0 ? &c->desc.slots[c->node - 1] : NULL;

    if (c->magic_len < 4) {
        ocitar_i_check_sniff(c);
        ocitar_i_check_content(c, c->magic, c->magic_len);
    }
    if (!c->document)
        ocitar_i_check_unpacked(c);
    else if ((c->kind = ocitar_i_check_doc_end(c)) == OCITAR_I_BLOB_BROKEN)
        ocitar_i_check_perhaps(c);
    if (ocitar_i_check_blob_digest(c) != OCITAR_OK || s == NULL)
        return c->error;
    s->flags |= OCITAR_I_SLOT_SEEN;
    s->actual = (uint64_t)c->reader.decoder.entry.size;
    s->kind = c->kind;
    s->bad = c->bad;
    s->warn = c->warn;
    if (OCITAR_I_FULL && c->kind == OCITAR_I_BLOB_CONFIG)
        s->note = (uint32_t)ocitar_i_check_pair(
                      ocitar_i_check_hash(0, c->words[0]),
                      ocitar_i_check_hash(0, c->words[1]))
                      << 24 |
                  (c->diffs & 0xffffff);
    else if (c->kind == OCITAR_I_BLOB_MANIFEST && s->note != 0)
        c->desc.slots[s->note - 1].position = c->layers;
    return c->error;
}

/* index.json and oci-layout count at once. */
static OCITAR_I_APART void ocitar_i_check_file_done(ocitar_checker *c,
                                                    uint8_t kind)
{
    const char *name = c->file == OCITAR_I_FILE_INDEX ? "index.json"
                                                      : "oci-layout";
    ocitar_finding f;

    if (c->file == OCITAR_I_FILE_INDEX && kind != OCITAR_I_BLOB_INDEX &&
        c->bad == 0)
        c->bad = 3;
    if (c->file == OCITAR_I_FILE_LAYOUT && kind != OCITAR_I_BLOB_LAYOUT &&
        c->bad == 0)
        c->bad = 2;
    OCITAR_MEMSET(&f, 0, sizeof f);
    f.name = name;
    f.name_len = 10;
    if (c->bad != 0)
        ocitar_i_check_tell(c, &f, c->bad, OCITAR_ERROR);
    f.text = NULL;
    f.kind = OCITAR_UNCHECKED;
    if (OCITAR_I_FULL && c->warn == OCITAR_I_UNCHECKED_NAMES)
        ocitar_i_check_tell(c, &f, 26, OCITAR_NOTE);
    f.kind = OCITAR_INVALID;
    if (OCITAR_I_FULL && c->warn != 0 && c->warn != OCITAR_I_UNCHECKED_NAMES)
        ocitar_i_check_tell(c, &f, c->warn, OCITAR_WARNING);
}

static int ocitar_i_check_done(void *user)
{
    ocitar_checker *c = (ocitar_checker *)user;

    if (c->file == OCITAR_I_FILE_BLOB)
        return ocitar_i_check_blob_done(c);
    if (c->file == OCITAR_I_FILE_INDEX || c->file == OCITAR_I_FILE_LAYOUT)
        ocitar_i_check_file_done(c, ocitar_i_check_doc_end(c));
    return c->error;
}

/* -- entries -- */

/* A blob's name says what it must be. */
static int ocitar_i_check_blob_begin(ocitar_checker *c, const ocitar_entry *e,
                                     const char *name, size_t len)
{
    char text[160];
    uint8_t key[32];
    ocitar_slot *s;
    size_t i;
    int code;

    for (i = 0; i < len && name[i] != '/'; i++)
        ;
    if (len < sizeof text) {
        OCITAR_MEMCPY(text, name, len);
        text[i < len ? i : 0] = ':';
    }
    if (len >= sizeof text || i == len ||
        ocitar_i_check_digest(c, text, len, &c->digest) != 0) {
        ocitar_i_check_entry(c, e, 5, OCITAR_ERROR, OCITAR_INVALID, NULL);
        return c->error;
    }
    ocitar_i_check_key_of(c, &c->digest, key);
    s = ocitar_i_check_find(c, key, c->digest.algorithm, 0);
    if (s != NULL && s->flags & OCITAR_I_SLOT_SEEN) {
        ocitar_i_check_entry(c, e, 61, OCITAR_ERROR, OCITAR_INVALID,
                             "an entry twice");
        return c->error;
    }
    if (s == NULL)
        s = ocitar_i_check_add(c, key, c->digest.algorithm);
    c->node = s != NULL ? ocitar_i_check_index(c, s) + 1 : 0;
    c->file = OCITAR_I_FILE_BLOB;
    code = ocitar_i_digester_begin(&c->blob, c->digest.algorithm,
                                   c->desc.engine, c->kernel);
    if (code == OCITAR_E_HASH)
        return ocitar_i_check_hash_failed(c);
    if (code != OCITAR_OK)
        ocitar_i_check_entry(c, e, 23, OCITAR_NOTE, OCITAR_UNVERIFIABLE, NULL);
    if (c->desc.blob_fn == NULL || c->error != OCITAR_OK)
        return c->error;
    code = c->desc.blob_fn(c->desc.user, &c->digest, (uint64_t)e->size);
    c->tap = code == 1 && c->desc.tap_fn != NULL;
    return code == 0 || code == 1 ? c->error : ocitar_i_check_stop(c, code);
}

/* Which of the files at the root it is. */
static uint8_t ocitar_i_check_file(const char *name, size_t len)
{
    if (ocitar_i_bytes_equal(name, len, "oci-layout", 10))
        return OCITAR_I_FILE_LAYOUT;
    if (ocitar_i_bytes_equal(name, len, "index.json", 10))
        return OCITAR_I_FILE_INDEX;
    if (ocitar_i_bytes_equal(name, len, "manifest.json", 13))
        return OCITAR_I_FILE_DOCKER;
    if (len >= 5 && OCITAR_MEMCMP(name, "blobs", 5) == 0 &&
        (len == 5 || name[5] == '/'))
        return OCITAR_I_FILE_BLOBS;
    return OCITAR_I_FILE_NONE;
}

static int ocitar_i_check_begin_entry(void *user, const ocitar_entry *e)
{
    ocitar_checker *c = (ocitar_checker *)user;
    const char *name = e->name;
    size_t len = e->name_len;
    int regular = e->typeflag == '0' || e->typeflag == '7';
    uint8_t file;

    c->file = OCITAR_I_FILE_NONE;
    c->node = 0;
    c->bad = c->warn = c->tap = c->magic_len = c->document = 0;
    while (len >= 2 && name[0] == '.' && name[1] == '/')
        for (name += 2, len -= 2; len > 0 && name[0] == '/'; name++)
            len--; /* "./" is how tar writes the root */
    if (e->typeflag == '5')
        while (len > 0 && name[len - 1] == '/')
            len--;
    if (e->name_len == 0 || !ocitar_i_name_ok(e->name, e->name_len)) {
        ocitar_i_check_entry(c, e, 61, OCITAR_ERROR, OCITAR_INVALID,
                             "a name that leaves the root");
        return c->error;
    }
    file = ocitar_i_check_file(name, len);
    /* of any name: what it becomes, others may see elsewhere */
    if (e->typeflag != '5' && (!regular || c->reader.decoder.sparse)) {
        ocitar_i_check_entry(c, e, 61, OCITAR_ERROR, OCITAR_INVALID,
                             "a link, a device or a sparse file");
        return c->error;
    }
    if (file == OCITAR_I_FILE_BLOBS) {
        c->files |= file;
        if (regular)
            return ocitar_i_check_blob_begin(c, e, name + 6,
                                             len > 6 ? len - 6 : 0);
        if (len > 6 && ocitar_i_bytes_has(name + 6, len - 6, '/'))
            ocitar_i_check_entry(c, e, 61, OCITAR_ERROR, OCITAR_INVALID,
                                 "a directory for a file");
        return c->error;
    }
    if (file == OCITAR_I_FILE_NONE) {
        if (len > 0)
            ocitar_i_check_entry(c, e, 8, OCITAR_NOTE, OCITAR_INVALID, NULL);
        return c->error;
    }
    if (e->typeflag == '5' || c->files & file) {
        ocitar_i_check_entry(c, e, 61, OCITAR_ERROR, OCITAR_INVALID,
                             e->typeflag == '5' ? "a directory for a file"
                                                : "an entry twice");
        return c->error;
    }
    c->files |= file;
    c->file = file;
    if (file != OCITAR_I_FILE_DOCKER)
        ocitar_i_check_doc_begin(c);
    return c->error;
}

/* -- the verdict -- */

/* Does a blob turn out to be the document that a claim says it is? */
static int ocitar_i_check_is_doc(const ocitar_slot *claim,
                                 const ocitar_slot *node)
{
    if (claim->role == OCITAR_ROLE_CONFIG)
        return claim->media == OCITAR_I_MEDIA_CONFIG &&
               node->kind == OCITAR_I_BLOB_CONFIG;
    if (claim->role != OCITAR_ROLE_MANIFEST &&
        claim->role != OCITAR_ROLE_SUBJECT)
        return 0;
    return (claim->media == OCITAR_I_MEDIA_MANIFEST &&
            node->kind == OCITAR_I_BLOB_MANIFEST) ||
           (claim->media == OCITAR_I_MEDIA_INDEX &&
            node->kind == OCITAR_I_BLOB_INDEX);
}

static ocitar_slot *ocitar_i_check_node(ocitar_checker *c,
                                        const ocitar_slot *s)
{
    return ocitar_i_check_find(c, s->key, s->algorithm, 0);
}

/* Does a claim count, now that what it stands in does? Those of index.json do,
   if they are what an index has. */
static int ocitar_i_check_counts(const ocitar_checker *c, const ocitar_slot *s)
{
    return s->parent == 0
               ? s->role == OCITAR_ROLE_MANIFEST ||
                     s->role == OCITAR_ROLE_SUBJECT
               : c->desc.slots[s->parent - 1].flags & OCITAR_I_SLOT_DOC;
}

/* One level further from index.json; 0: there was nothing more. */
static int ocitar_i_check_spread(ocitar_checker *c)
{
    uint32_t i;
    int more = 0;

    for (i = 0; i < c->desc.slot_count; i++) {
        ocitar_slot *s = &c->desc.slots[i], *node;

        if (!(s->flags & OCITAR_I_SLOT_CLAIMED) ||
            s->flags & OCITAR_I_SLOT_LIVE || !ocitar_i_check_counts(c, s))
            continue;
        more = 1;
        s->flags |= OCITAR_I_SLOT_LIVE;
        node = ocitar_i_check_node(c, s);
        node->flags |= OCITAR_I_SLOT_NEEDED;
        if (node->flags & OCITAR_I_SLOT_SEEN &&
            ocitar_i_check_is_doc(s, node))
            node->flags |= OCITAR_I_SLOT_NEXT;
    }
    for (i = 0; i < c->desc.slot_count; i++)
        if (c->desc.slots[i].flags & OCITAR_I_SLOT_NEXT)
            c->desc.slots[i].flags |= OCITAR_I_SLOT_DOC;
    return more;
}

/* The config's blob of the manifest in `m`, if it is one. */
static ocitar_slot *ocitar_i_check_config_of(ocitar_checker *c,
                                             const ocitar_slot *m)
{
    const ocitar_slot *claim;
    ocitar_slot *node;

    if (m->note == 0 || m->kind != OCITAR_I_BLOB_MANIFEST)
        return NULL;
    claim = &c->desc.slots[m->note - 1];
    node = ocitar_i_check_node(c, claim);
    return node->flags & OCITAR_I_SLOT_SEEN &&
                   ocitar_i_check_is_doc(claim, node)
               ? node
               : NULL;
}

/* A layer and the diffID that its image's config has for it. */
static void ocitar_i_check_diff_id(ocitar_checker *c, const ocitar_slot *s,
                                   const ocitar_slot *node)
{
    const ocitar_slot *config = NULL;
    const ocitar_slot *want, *got = node;

    if (s->parent != 0) /* index.json is no image, whatever it lists */
        config = ocitar_i_check_config_of(c, &c->desc.slots[s->parent - 1]);
    if (config == NULL)
        return;
    want = ocitar_i_check_get(c, OCITAR_ROLE_DIFF_ID,
                              ocitar_i_check_index(c, config) + 1,
                              s->position);
    if (node->kind == OCITAR_I_BLOB_GZIP || node->kind == OCITAR_I_BLOB_ZSTD)
        got = ocitar_i_check_get(c, OCITAR_I_ROLE_UNPACKED,
                                 ocitar_i_check_index(c, node) + 1, 0);
    if (want != NULL && (got == NULL || got->algorithm != want->algorithm))
        c->unchecked |= 2;
    else if (want == NULL || OCITAR_MEMCMP(got->key, want->key, 32) != 0)
        ocitar_i_check_slot(c, s, 49, OCITAR_ERROR, OCITAR_INVALID);
}

static void ocitar_i_check_layer(ocitar_checker *c, const ocitar_slot *s,
                                 const ocitar_slot *node)
{
    uint8_t media = s->media, kind = node->kind;
    int packed = media == OCITAR_I_MEDIA_GZIP || media == OCITAR_I_MEDIA_ZSTD ||
                 media >= OCITAR_I_MEDIA_FOREIGN_GZIP;
    uint8_t want = media == OCITAR_I_MEDIA_ZSTD ||
                           media == OCITAR_I_MEDIA_FOREIGN_ZSTD
                       ? OCITAR_I_BLOB_ZSTD
                   : packed                     ? OCITAR_I_BLOB_GZIP
                                                : OCITAR_I_BLOB_BYTES;

    if (media < OCITAR_I_MEDIA_TAR)
        return;
    if (!packed && kind == OCITAR_I_BLOB_BROKEN && OCITAR_I_LAYER(c) == NULL &&
        node->actual >= 1024) /* perhaps a tar: nobody looked */
        kind = want;
    if (kind != want) {
        ocitar_i_check_slot(c, s,
                            packed || kind >= OCITAR_I_BLOB_GZIP ? 59 : 55,
                            OCITAR_ERROR, OCITAR_INVALID);
        return;
    }
    if (node->bad != 0)
        ocitar_i_check_slot(c, s, node->bad, OCITAR_ERROR, OCITAR_INVALID);
    else if (node->warn == OCITAR_I_UNCHECKED_LAYER ||
             OCITAR_I_LAYER(c) == NULL ||
             (packed && ocitar_i_check_get(c, OCITAR_I_ROLE_UNPACKED,
                                           ocitar_i_check_index(c, node) + 1,
                                           0) == NULL))
        c->unchecked |= 1;
    else if (node->warn != 0)
        ocitar_i_check_slot(c, s, node->warn, OCITAR_WARNING, OCITAR_INVALID);
    if (node->bad == 0)
        ocitar_i_check_diff_id(c, s, node);
}

/* Of a document: the one that it is, and what it breaks. */
static void ocitar_i_check_document(ocitar_checker *c, const ocitar_slot *s,
                                    const ocitar_slot *node)
{
    int known = s->role == OCITAR_ROLE_CONFIG
                    ? s->media == OCITAR_I_MEDIA_CONFIG
                    : s->media == OCITAR_I_MEDIA_MANIFEST ||
                          s->media == OCITAR_I_MEDIA_INDEX;
    const ocitar_slot *config;
    int rule = s->role == OCITAR_ROLE_CONFIG           ? 47
               : s->media == OCITAR_I_MEDIA_INDEX ? 42
                                                       : 31;

    if (!known) {
        if (OCITAR_I_HAS(9) && s->role == OCITAR_ROLE_MANIFEST)
            ocitar_i_check_slot(c, s, 9, OCITAR_NOTE, OCITAR_INVALID);
        return;
    }
    if (!ocitar_i_check_is_doc(s, node)) {
        if (node->kind == OCITAR_I_BLOB_BROKEN && node->bad != 0)
            rule = node->bad;
        ocitar_i_check_slot(c, s, rule, OCITAR_ERROR, OCITAR_INVALID);
        return;
    }
    if (!OCITAR_I_FULL)
        return;
    if (s->role == OCITAR_ROLE_CONFIG && (node->note & 0xffffff) > s->position)
        ocitar_i_check_slot(c, s, 49, OCITAR_ERROR, OCITAR_INVALID);
    config = ocitar_i_check_config_of(c, node);
    if (s->role == OCITAR_ROLE_MANIFEST && config != NULL &&
        s->platform != 0 && s->platform != config->note >> 24)
        ocitar_i_check_slot(c, s, 54, OCITAR_WARNING, OCITAR_INVALID);
}

/* A claim that counts. */
static void ocitar_i_check_judge(ocitar_checker *c, const ocitar_slot *s)
{
    const ocitar_slot *node = ocitar_i_check_node(c, s);
    int weak = s->role == OCITAR_ROLE_SUBJECT ||
               s->media >= OCITAR_I_MEDIA_FOREIGN;
    ocitar_slot both = *s;

    if (!(node->flags & OCITAR_I_SLOT_SEEN)) {
        ocitar_i_check_slot(
            c, s, s->role == OCITAR_ROLE_SUBJECT ? 41 : 7,
            weak ? OCITAR_NOTE
            : c->desc.expected.algorithm != 0 && s->role != OCITAR_ROLE_MANIFEST
                ? OCITAR_ERROR /* what is expected is expected whole */
                : OCITAR_WARNING,
            OCITAR_MISSING);
        return;
    }
    both.actual = node->actual;
    if (s->claimed != node->actual)
        ocitar_i_check_slot(c, &both, 14, OCITAR_ERROR, OCITAR_INVALID);
    if (OCITAR_I_FULL && s->role == OCITAR_ROLE_LAYER)
        ocitar_i_check_layer(c, s, node);
    else if (s->role != OCITAR_ROLE_LAYER)
        ocitar_i_check_document(c, s, node);
}

/* Two entries of one index for the same platform and name; among many that is
   not looked for, as it takes as many comparisons as there are pairs. */
static void ocitar_i_check_twins(ocitar_checker *c)
{
    uint32_t i, j, n = c->used <= 1024 ? c->desc.slot_count : 0;

    for (i = 0; i < n; i++) {
        const ocitar_slot *s = &c->desc.slots[i];

        if (!(s->flags & OCITAR_I_SLOT_LIVE) || s->platform == 0 ||
            s->role != OCITAR_ROLE_MANIFEST)
            continue;
        for (j = 0; j < i; j++) {
            const ocitar_slot *t = &c->desc.slots[j];

            if (t->flags & OCITAR_I_SLOT_LIVE && t->role == s->role &&
                t->parent == s->parent && t->hint == s->hint &&
                t->platform == s->platform) {
                ocitar_i_check_slot(c, s, 46, OCITAR_WARNING, OCITAR_INVALID);
                break;
            }
        }
    }
}

static void ocitar_i_check_slots(ocitar_checker *c)
{
    uint32_t i;

    for (i = 0; i < c->desc.slot_count && c->error == OCITAR_OK; i++) {
        const ocitar_slot *s = &c->desc.slots[i];

        if (OCITAR_I_HAS(6) && s->flags & OCITAR_I_SLOT_SEEN &&
            !(s->flags & OCITAR_I_SLOT_NEEDED))
            ocitar_i_check_slot(c, s, 6, OCITAR_NOTE, OCITAR_UNREFERENCED);
        if (s->flags & OCITAR_I_SLOT_DOC && s->bad != 0)
            ocitar_i_check_slot(c, s, s->bad, OCITAR_ERROR, OCITAR_INVALID);
        if (OCITAR_I_FULL && s->flags & OCITAR_I_SLOT_DOC && s->warn != 0)
            ocitar_i_check_slot(
                c, s, s->warn == OCITAR_I_UNCHECKED_NAMES ? 26 : s->warn,
                s->warn == OCITAR_I_UNCHECKED_NAMES ? OCITAR_NOTE
                                                    : OCITAR_WARNING,
                s->warn == OCITAR_I_UNCHECKED_NAMES ? OCITAR_UNCHECKED
                                                    : OCITAR_INVALID);
        if (s->flags & OCITAR_I_SLOT_LIVE)
            ocitar_i_check_judge(c, s);
    }
}

/* What no entry or blob is to blame for. */
static void ocitar_i_check_whole(ocitar_checker *c, int rule, int severity,
                                 int kind, const char *text)
{
    ocitar_finding f;

    OCITAR_MEMSET(&f, 0, sizeof f);
    f.kind = (uint8_t)kind;
    f.text = text;
    if (rule == 0)
        f.expected = c->desc.expected;
    ocitar_i_check_tell(c, &f, rule, severity);
}

/* Index.json names it as a manifest or index, and that is what it is. */
static int ocitar_i_check_expected(ocitar_checker *c)
{
    const ocitar_digest *d = &c->desc.expected;
    uint8_t key[32];
    uint32_t i;

    ocitar_i_check_key_of(c, d, key);

    for (i = 0; i < c->desc.slot_count; i++) {
        const ocitar_slot *s = &c->desc.slots[i];

        if (s->flags & OCITAR_I_SLOT_LIVE && s->parent == 0 &&
            s->role == OCITAR_ROLE_MANIFEST && s->algorithm == d->algorithm &&
            OCITAR_MEMCMP(s->key, key, 32) == 0)
            return ocitar_i_check_node(c, s)->flags & OCITAR_I_SLOT_DOC;
    }
    return 0;
}

static void ocitar_i_check_verdict(ocitar_checker *c)
{
    int depth = 0;

    while (depth < 16 && ocitar_i_check_spread(c))
        depth++;
    if (OCITAR_I_HAS(44) && depth == 16)
        ocitar_i_check_whole(c, 44, OCITAR_ERROR, OCITAR_INVALID, NULL);
    ocitar_i_check_slots(c);
    if (OCITAR_I_HAS(46))
        ocitar_i_check_twins(c);
    if (c->desc.expected.algorithm != 0 && !ocitar_i_check_expected(c))
        ocitar_i_check_whole(c, 0, OCITAR_ERROR, OCITAR_MISSING, NULL);
    if (OCITAR_I_HAS(1) && !(c->files & OCITAR_I_FILE_BLOBS))
        ocitar_i_check_whole(c, 1, OCITAR_WARNING, OCITAR_MISSING, NULL);
    if (!(c->files & OCITAR_I_FILE_LAYOUT))
        ocitar_i_check_whole(c, 2, OCITAR_ERROR, OCITAR_MISSING, NULL);
    if (!(c->files & OCITAR_I_FILE_INDEX))
        ocitar_i_check_whole(c, 3, OCITAR_ERROR, OCITAR_MISSING, NULL);
    if (!OCITAR_I_FULL)
        return;
    if (c->unchecked & 1)
        ocitar_i_check_whole(c, 55, OCITAR_NOTE, OCITAR_UNCHECKED, NULL);
    if (c->unchecked & 2)
        ocitar_i_check_whole(c, 49, OCITAR_NOTE, OCITAR_UNCHECKED, NULL);
    if (c->unchecked & 4)
        ocitar_i_check_whole(c, 16, OCITAR_NOTE, OCITAR_UNCHECKED, NULL);
}

OCITAR_API int ocitar_checker_begin(ocitar_checker *checker,
                                    const ocitar_checker_desc *desc)
{
    ocitar_reader_desc r;

    if (checker == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(checker, 0, sizeof *checker);
    checker->error = OCITAR_E_ARG;
    if (desc == NULL || desc->slots == NULL || desc->slot_count == 0 ||
        desc->buffer == NULL || desc->buffer_size < 768 ||
        desc->max_depth > OCITAR_JSON_DEPTH_MAX ||
        desc->raw_size > UINT32_MAX / 2 ||
        (desc->layer != NULL &&
         (desc->paths == NULL || desc->path_count == 0 ||
          desc->layer_buffer == NULL || desc->layer_buffer_size < 512)))
        return OCITAR_E_ARG;
    checker->desc = *desc;
    if (desc->max_unpacked == 0)
        checker->desc.max_unpacked = (uint64_t)1 << 40;
    OCITAR_MEMSET(desc->slots, 0,
                  (size_t)desc->slot_count * sizeof desc->slots[0]);
    checker->kernel = ocitar_i_digest_kernel();
    OCITAR_MEMSET(&r, 0, sizeof r);
    r.buffer = desc->buffer;
    r.buffer_size = desc->buffer_size;
    r.entry_fn = ocitar_i_check_begin_entry;
    r.data_fn = ocitar_i_check_data;
    r.done_fn = ocitar_i_check_done;
    r.user = checker;
    r.max_entries = desc->max_entries;
    r.max_bytes = desc->max_bytes;
    checker->error = ocitar_reader_begin(&checker->reader, &r);
    return checker->error;
}

/* The tar itself is at fault, from here on. */
static int ocitar_i_check_torn(ocitar_checker *c, int e)
{
    const char *why = c->reader.decoder.why;

    if (c->error != OCITAR_OK) /* it was a function of the user */
        return c->error;
    if (why == NULL)
        why = e == OCITAR_E_SIZE
                  ? OCITAR_I_WHY("it ends before its end mark")
                  : OCITAR_I_WHY("more entries or bytes than allowed");
    ocitar_i_check_whole(c, 61, OCITAR_ERROR, OCITAR_INVALID, why);
    if (c->error == OCITAR_OK)
        c->error = e;
    return c->error;
}

OCITAR_API int ocitar_checker_push(ocitar_checker *checker, const void *data,
                                   size_t len)
{
    int e;

    if (checker == NULL || (data == NULL && len > 0))
        return OCITAR_E_ARG;
    if (checker->error != OCITAR_OK)
        return checker->error;
    e = ocitar_reader_push(&checker->reader, data, len);
    return e == OCITAR_OK ? e : ocitar_i_check_torn(checker, e);
}

/* -- a whole archive that can be read anywhere -- */

#ifndef OCITAR_I_AHEAD_MIN       /* a test has less to look at */
#define OCITAR_I_AHEAD_MIN 65536 /* smaller blobs are not looked for */
#define OCITAR_I_IDLE_MIN 4096   /* less is read and not looked at */
#endif

/* A blob further on, found by its head, and hashed before its turn comes. */
typedef struct ocitar_i_ahead {
    ocitar_digester digester;
    uint64_t body; /* offset of its first byte, which names it */
    uint64_t at;   /* the next byte to hash */
    uint64_t end;
} ocitar_i_ahead;

enum { /* blobs that are hashed together, and heads that are looked at */
    OCITAR_I_AHEAD = OCITAR_I_KERNEL_LANES > 1 ? 6 : 1,
    OCITAR_I_AHEAD_HEADS = 24
};

typedef struct ocitar_i_scan {
    ocitar_checker *checker;
    const ocitar_source *source;
    uint8_t *buffer;
    size_t buffer_size;
    uint8_t *data; /* what is in the buffer and not pushed */
    size_t len;
    uint64_t at;   /* where in the source that is */
    size_t count;
    ocitar_i_ahead *ahead; /* OCITAR_I_AHEAD of them */
} ocitar_i_scan;

/* Fills `out` as far as the source goes. */
static int ocitar_i_scan_get(ocitar_i_scan *s, uint64_t at, uint8_t *out,
                             size_t capacity, size_t *len)
{
    size_t n = 1;
    int code = 0;

    for (*len = 0; code == 0 && n > 0 && *len < capacity; *len += n) {
        n = 0;
        code = s->source->get_at_fn(s->source->user, at + *len, out + *len,
                                    capacity - *len, &n);
        if (n > capacity - *len)
            code = -1;
        if (code != 0)
            n = 0;
    }
    s->checker->user_code = code;
    return code == 0 ? (int)OCITAR_OK : (int)OCITAR_E_SOURCE;
}

/* A plain head of a file or directory at `at`: 1 if it is a blob's, 0 if not,
   -1 if it is something else, which ends the looking ahead. */
static int ocitar_i_scan_head(ocitar_i_scan *s, uint64_t at, uint64_t *size)
{
    uint8_t block[512];
    int64_t value;
    size_t len;

    if (ocitar_i_scan_get(s, at, block, 512, &len) != OCITAR_OK ||
        len < 512 || !ocitar_i_tar_sum_ok(block) ||
        (block[156] != '0' && block[156] != '5') ||
        !ocitar_i_tar_number(block + 124, 12, &value) || value < 0)
        return -1;
    *size = block[156] == '0' ? (uint64_t)value : 0;
    return *size >= OCITAR_I_AHEAD_MIN &&
           OCITAR_MEMCMP(block, "blobs/sha256/", 13) == 0;
}

static void ocitar_i_scan_add(ocitar_i_scan *s, uint64_t body, uint64_t size)
{
    ocitar_i_ahead *a = &s->ahead[s->count++];

    ocitar_i_digester_begin(&a->digester, OCITAR_SHA256, NULL,
                            s->checker->kernel);
    a->body = a->at = body;
    a->end = body + size;
}

/* The open blob, and those that follow it. */
static void ocitar_i_scan_find(ocitar_i_scan *s, uint64_t body, uint64_t size)
{
    uint64_t at;
    unsigned heads;
    int blob;

    s->count = 0;
    ocitar_i_scan_add(s, body, size);
    for (heads = 0; heads < OCITAR_I_AHEAD_HEADS && s->count < OCITAR_I_AHEAD;
         heads++) {
        if (size > INT64_MAX - 1024 - body)
            return;
        at = body + (size + 511) / 512 * 512;
        blob = ocitar_i_scan_head(s, at, &size);
        body = at + 512;
        if (blob < 0)
            return;
        if (blob)
            ocitar_i_scan_add(s, body, size);
    }
}

/* A step of those that are not done: of three, or of two if so none of four
   is left alone. 0: all are done. What the source does not give is left
   unhashed, and found out when its turn comes. */
static int ocitar_i_scan_step(ocitar_i_scan *s)
{
    ocitar_digester *d[OCITAR_I_KERNEL_LANES];
    const uint8_t *data[OCITAR_I_KERNEL_LANES];
    size_t len[OCITAR_I_KERNEL_LANES], piece, want, used = 0, open = 0, i;
    size_t lanes = s->checker->kernel < 2 ? 1 : s->checker->kernel;

    for (i = 0; i < s->count; i++)
        open += s->ahead[i].at < s->ahead[i].end;
    if (open == 4 && lanes == 3)
        lanes = 2;
    if (lanes > OCITAR_I_KERNEL_LANES)
        lanes = OCITAR_I_KERNEL_LANES;
    piece = s->buffer_size / lanes / 512 * 512;
    for (i = 0; i < s->count && used < lanes; i++) {
        ocitar_i_ahead *a = &s->ahead[i];

        if (a->at == a->end)
            continue;
        want = a->end - a->at < piece ? (size_t)(a->end - a->at) : piece;
        data[used] = s->buffer + used * piece;
        if (ocitar_i_scan_get(s, a->at, s->buffer + used * piece, want,
                              &len[used]) != OCITAR_OK ||
            len[used] < want) {
            a->digester.live = 0;
            a->at = a->end;
            continue;
        }
        a->at += want;
        d[used++] = &a->digester;
    }
    if (used > 0)
        ocitar_i_digesters_absorb(d, data, len, used);
    return open > 0;
}

/* A blob has just begun: gives it the digest of all its bytes, if they were
   or can be hashed beside others. */
static void ocitar_i_scan_blob(ocitar_i_scan *s)
{
    ocitar_checker *c = s->checker;
    size_t i;

    if (OCITAR_I_KERNEL_LANES < 2 || c->kernel < 2 || c->tap ||
        c->reader.left < OCITAR_I_AHEAD_MIN ||
        c->reader.body != c->reader.offset || c->blob.live != 1 ||
        c->blob.engine != NULL || c->blob.algorithm != OCITAR_SHA256)
        return;
    for (i = 0; i < s->count && s->ahead[i].body != s->at; i++)
        ;
    if (i == s->count) {
        ocitar_i_scan_find(s, s->at, c->reader.left);
        if (s->count == 1)
            return; /* alone: as it is read, then */
        while (ocitar_i_scan_step(s))
            ;
        s->len = 0; /* the buffer was used */
        i = 0;
    }
    if (!s->ahead[i].digester.live)
        return;
    c->blob = s->ahead[i].digester;
    c->blob.live = 2;
}

/* How many bytes of the open blob nobody looks at: between the files of a
   layer, or all of what is neither document nor layer. One is left, so that
   the end is met as ever. */
static uint64_t ocitar_i_scan_idle(const ocitar_checker *c)
{
    const ocitar_layer_checker *l = OCITAR_I_LAYER(c);
    uint64_t left = c->reader.left;

    if (c->file != OCITAR_I_FILE_BLOB || c->blob.live != 2 || left == 0 ||
        c->magic_len < 4 || c->document == 1 || OCITAR_I_CODEC(c) != NULL)
        return 0;
    if (c->kind == OCITAR_I_BLOB_BYTES && l != NULL &&
        l->reader.error == OCITAR_OK && !l->reader.ended &&
        l->reader.left < left)
        left = l->reader.left;
    return left > 0 ? left - 1 : 0;
}

static void ocitar_i_scan_skip(ocitar_i_scan *s, uint64_t n)
{
    ocitar_reader *outer = &s->checker->reader;

    if (s->checker->kind == OCITAR_I_BLOB_BYTES &&
        OCITAR_I_LAYER(s->checker) != NULL) {
        ocitar_reader *inner = &OCITAR_I_LAYER(s->checker)->reader;

        if (inner->error == OCITAR_OK && !inner->ended) {
            inner->left -= n;
            inner->offset += n;
        }
    }
    outer->left -= n;
    outer->offset += n;
    s->at += n;
    s->data += s->len < n ? s->len : (size_t)n;
    s->len -= s->len < n ? s->len : (size_t)n;
}

/* The next bytes, so far as no entry begins among them. */
static int ocitar_i_scan_push(ocitar_i_scan *s)
{
    ocitar_reader *r = &s->checker->reader;
    size_t n = 512 - r->held;
    int e = OCITAR_OK;

    if (s->len == 0) {
        s->data = s->buffer;
        e = ocitar_i_scan_get(s, s->at, s->buffer, s->buffer_size, &s->len);
        if (e != OCITAR_OK || s->len == 0)
            return e;
    }
    if (r->left > 0)
        n = r->left < s->len ? (size_t)r->left : s->len;
    else if (r->skip > 0)
        n = r->skip;
    if (n > s->len)
        n = s->len;
    e = ocitar_checker_push(s->checker, s->data, n);
    s->data += n;
    s->len -= n;
    s->at += n;
    return e;
}

OCITAR_API int ocitar_checker_read(ocitar_checker *checker,
                                   const ocitar_source *source, void *buffer,
                                   size_t buffer_size)
{
    ocitar_i_ahead ahead[OCITAR_I_AHEAD];
    ocitar_i_scan s;
    uint64_t idle, before;
    int e = OCITAR_OK;

    if (checker == NULL || source == NULL || source->get_at_fn == NULL ||
        buffer == NULL || buffer_size < 3072)
        return OCITAR_E_ARG;
    if (checker->error != OCITAR_OK)
        return checker->error;
    s.checker = checker;
    s.source = source;
    s.buffer = s.data = (uint8_t *)buffer;
    s.buffer_size = buffer_size;
    s.len = s.count = 0;
    s.at = 0;
    s.ahead = ahead;
    while (e == OCITAR_OK && !checker->reader.ended) {
        if (checker->reader.left > 0 && checker->file == OCITAR_I_FILE_BLOB)
            ocitar_i_scan_blob(&s);
        idle = ocitar_i_scan_idle(checker);
        if (idle >= OCITAR_I_IDLE_MIN)
            ocitar_i_scan_skip(&s, idle);
        before = s.at;
        e = ocitar_i_scan_push(&s);
        if (s.at == before)
            break; /* the end, or an error */
    }
    if (e == OCITAR_E_SOURCE)
        checker->error = e;
    return e;
}

OCITAR_API int ocitar_checker_end(ocitar_checker *checker)
{
    ocitar_checker *c = checker;
    int e;

    if (c == NULL)
        return OCITAR_E_ARG;
    if (c->judged) /* the counts and what was told stay as they are */
        return c->verdict;
    if (OCITAR_I_CODEC(c) != NULL) /* it was cut within a blob */
        c->codec->end_fn(c->codec->user, NULL, NULL);
    c->codec = NULL;
    ocitar_i_digester_drop(&c->blob);
    if (c->error == OCITAR_OK) {
        e = ocitar_reader_end(&c->reader);
        if (e != OCITAR_OK)
            ocitar_i_check_torn(c, e);
        else if (c->needed > c->desc.slot_count)
            c->error = OCITAR_E_LIMIT;
        else
            ocitar_i_check_verdict(c);
    }
    c->judged = 1;
    if (c->error != OCITAR_OK && c->errors == 0)
        c->verdict = (int8_t)c->error;
    else
        c->verdict = c->errors > 0 ? OCITAR_E_INVALID : OCITAR_OK;
    if (c->error == OCITAR_E_HOOK || c->error == OCITAR_E_HASH)
        c->verdict = (int8_t)c->error;
    else if (c->needed > c->desc.slot_count)
        c->verdict = OCITAR_E_LIMIT;
    return c->verdict;
}

#endif /* OCITAR_I_READS */

/* ==== find ==============================================================
   What an archive has, by name, digest and platform. Calls check, image
   (references), digest, bytes. */

#if OCITAR_I_READS && OCITAR_I_IMAGES

static void *ocitar_i_catalog_room(ocitar_catalog *c, size_t len)
{
    char *p = c->text + c->text_used;

    c->text_needed += len;
    if (len > c->text_size - c->text_used)
        return NULL;
    c->text_used += len;
    return p;
}

/* A copy of a string, or NULL. */
static const char *ocitar_i_catalog_text(ocitar_catalog *c, const char *s,
                                         size_t len)
{
    char *p;

    if (s == NULL)
        return NULL;
    len = ocitar_i_bytes_length(s, len);
    p = (char *)ocitar_i_catalog_room(c, len + 1);
    if (p == NULL)
        return NULL;
    if (len > 0)
        OCITAR_MEMCPY(p, s, len);
    p[len] = 0;
    return p;
}

static ocitar_line *ocitar_i_catalog_line(ocitar_catalog *c)
{
    ocitar_line *line;

    c->needed++;
    if (c->used == c->line_count)
        return NULL;
    line = &c->lines[c->used++];
    OCITAR_MEMSET(line, 0, sizeof *line);
    return line;
}

/* Where a blob is in the table, or would be: a place with 0. */
static uint32_t *ocitar_i_catalog_place(const ocitar_catalog *c,
                                        const ocitar_digest *digest)
{
    uint32_t at = ocitar_i_bytes_load32(digest->bytes) % c->table_count;

    while (c->table[at] != 0 &&
           !ocitar_digest_equal(&c->lines[c->table[at] - 1].descriptor.digest,
                                digest))
        at = at + 1 == c->table_count ? 0 : at + 1;
    return &c->table[at];
}

static int ocitar_i_catalog_blob(void *user, const ocitar_digest *digest,
                                 uint64_t size)
{
    ocitar_catalog *c = (ocitar_catalog *)user;
    ocitar_line *line = ocitar_i_catalog_line(c);

    c->blob = 0;
    c->blobs++;
    if (line == NULL || 2 * c->blobs > c->table_count)
        return 0;
    line->descriptor.digest = *digest;
    line->descriptor.size = size;
    line->role = OCITAR_ROLE_BLOB;
    line->first = c->used;
    line->document = OCITAR_IN_INDEX;
    line->offset = c->checker->reader.body;
    c->blob = (uint32_t)(line - c->lines) + 1;
    *ocitar_i_catalog_place(c, digest) = c->blob;
    return 0;
}

static int ocitar_i_catalog_claim(void *user, const ocitar_claim *claim)
{
    ocitar_catalog *c = (ocitar_catalog *)user;
    ocitar_line *line = ocitar_i_catalog_line(c);
    ocitar_descriptor *d;

    if (line == NULL)
        return 0;
    d = &line->descriptor;
    line->role = claim->role;
    line->position = claim->position;
    line->document = OCITAR_IN_INDEX;
    if (claim->document != NULL) {
        line->document = c->blob - 1;
        if (c->blob != 0)
            c->lines[c->blob - 1].count++;
    }
    d->digest = claim->digest;
    d->size = claim->size;
    d->media_type = ocitar_i_catalog_text(c, claim->media_type, 0);
    d->artifact_type = ocitar_i_catalog_text(c, claim->artifact_type, 0);
    d->reference = ocitar_i_catalog_text(c, claim->name, 0);
    d->platform.architecture =
        ocitar_i_catalog_text(c, claim->architecture, 0);
    d->platform.os = ocitar_i_catalog_text(c, claim->os, 0);
    d->platform.variant = ocitar_i_catalog_text(c, claim->variant, 0);
    line->reference = ocitar_i_catalog_text(c, claim->reference, 0);
    line->title = ocitar_i_catalog_text(c, claim->title, 0);
    d->raw = ocitar_i_catalog_text(c, claim->raw, claim->raw_len);
    d->raw_len = claim->raw_len;
    return 0;
}

OCITAR_API int ocitar_catalog_begin(ocitar_catalog *catalog,
                                    const struct ocitar_checker *checker,
                                    ocitar_checker_desc *desc)
{
    if (catalog == NULL || checker == NULL || desc == NULL ||
        catalog->lines == NULL || catalog->table == NULL ||
        catalog->table_count == 0 || catalog->text == NULL)
        return OCITAR_E_ARG;
    catalog->used = catalog->needed = catalog->blob = catalog->blobs = 0;
    catalog->text_used = catalog->text_needed = 0;
    catalog->checker = checker;
    OCITAR_MEMSET(catalog->table, 0,
                  (size_t)catalog->table_count * sizeof catalog->table[0]);
    desc->claim_fn = ocitar_i_catalog_claim;
    desc->blob_fn = ocitar_i_catalog_blob;
    desc->user = catalog;
    return OCITAR_OK;
}

OCITAR_API int ocitar_catalog_end(const ocitar_catalog *catalog)
{
    if (catalog == NULL)
        return OCITAR_E_ARG;
    return catalog->needed > catalog->line_count ||
                   2 * catalog->blobs > catalog->table_count ||
                   catalog->text_needed > catalog->text_size
               ? (int)OCITAR_E_LIMIT
               : (int)OCITAR_OK;
}

OCITAR_API ocitar_line *ocitar_catalog_blob(const ocitar_catalog *catalog,
                                            const ocitar_digest *digest)
{
    uint32_t n;

    if (catalog == NULL || digest == NULL || catalog->table_count == 0)
        return NULL;
    n = *ocitar_i_catalog_place(catalog, digest);
    return n == 0 ? NULL : &catalog->lines[n - 1];
}

static int ocitar_i_catalog_word(const char *want, const char *have)
{
    return want == NULL ||
           (have != NULL &&
            ocitar_i_bytes_equal(want, ocitar_i_bytes_length(want, 0), have,
                                 ocitar_i_bytes_length(have, 0)));
}

/* The platform that its descriptor or else its config says. */
static void ocitar_i_catalog_platform(const ocitar_catalog *c,
                                      const ocitar_line *line,
                                      ocitar_platform *out)
{
    const ocitar_line *m = ocitar_catalog_blob(c, &line->descriptor.digest);
    const ocitar_line *config = NULL;
    uint32_t i;

    *out = line->descriptor.platform;
    if (out->architecture != NULL || m == NULL)
        return;
    for (i = 0; i < m->count; i++)
        if (c->lines[m->first + i].role == OCITAR_ROLE_CONFIG)
            config = ocitar_catalog_blob(
                c, &c->lines[m->first + i].descriptor.digest);
    for (i = 0; config != NULL && i < config->count; i++)
        if (c->lines[config->first + i].role == OCITAR_ROLE_PLATFORM)
            *out = c->lines[config->first + i].descriptor.platform;
}

static int ocitar_i_catalog_fits(const ocitar_catalog *c,
                                 const ocitar_line *line,
                                 const ocitar_platform *platform)
{
    ocitar_platform have;

    if (platform == NULL)
        return 1;
    ocitar_i_catalog_platform(c, line, &have);
    return ocitar_i_catalog_word(platform->architecture, have.architecture) &&
           ocitar_i_catalog_word(platform->os, have.os) &&
           ocitar_i_catalog_word(platform->variant, have.variant);
}

/* Is the line called so? A full name, where no tag is "latest"; a tag as it
   stands; or a digest. */
static int ocitar_i_catalog_named(const ocitar_line *line, const char *name)
{
    size_t len = ocitar_i_bytes_length(name, 0), at;
    const char *full = line->descriptor.reference;
    size_t full_len = ocitar_i_bytes_length(full, 0);
    ocitar_reference ref;
    ocitar_digest digest;

    if (name == NULL)
        return 1;
    if (ocitar_digest_parse(&digest, name, len) == OCITAR_OK)
        return ocitar_digest_equal(&digest, &line->descriptor.digest);
    if (ocitar_i_bytes_equal(name, len, full, full_len) ||
        ocitar_i_bytes_equal(name, len, line->reference,
                             ocitar_i_bytes_length(line->reference, 0)))
        return 1;
    if (ocitar_reference_parse(&ref, name, len) != OCITAR_OK ||
        ref.tag != NULL || full_len <= len + 1)
        return 0;
    at = len + 1;
    return OCITAR_MEMCMP(full, name, len) == 0 && full[len] == ':' &&
           ocitar_i_bytes_equal(full + at, full_len - at, "latest", 6);
}

static uint8_t ocitar_i_catalog_media(const ocitar_line *line)
{
    const char *type = line->descriptor.media_type;

    return ocitar_i_check_media(type, ocitar_i_bytes_length(type, 0));
}

/* The member of a nested index that fits a platform, or the line itself. */
static ocitar_line *ocitar_i_catalog_inner(const ocitar_catalog *c,
                                           ocitar_line *line,
                                           const ocitar_platform *platform)
{
    const ocitar_line *blob = ocitar_catalog_blob(c, &line->descriptor.digest);
    uint32_t i;

    if (platform == NULL || blob == NULL ||
        ocitar_i_catalog_media(line) !=
            OCITAR_I_MEDIA_INDEX)
        return ocitar_i_catalog_fits(c, line, platform) ? line : NULL;
    for (i = 0; i < blob->count; i++) {
        ocitar_line *inner = &c->lines[blob->first + i];

        if (inner->role == OCITAR_ROLE_MANIFEST &&
            ocitar_i_catalog_fits(c, inner, platform))
            return inner;
    }
    return NULL;
}

OCITAR_API ocitar_line *ocitar_catalog_find(const ocitar_catalog *catalog,
                                            uint32_t *cursor,
                                            const char *reference,
                                            const ocitar_platform *platform)
{
    uint32_t i = cursor != NULL ? *cursor : 0;

    if (catalog == NULL)
        return NULL;
    for (; i < catalog->used; i++) {
        ocitar_line *at = &catalog->lines[i];

        if (at->document != OCITAR_IN_INDEX ||
            at->role != OCITAR_ROLE_MANIFEST ||
            !ocitar_i_catalog_named(at, reference))
            continue;
        at = ocitar_i_catalog_inner(catalog, at, platform);
        if (at == NULL)
            continue;
        if (cursor != NULL)
            *cursor = i + 1;
        return at;
    }
    if (cursor != NULL)
        *cursor = i;
    return NULL;
}

/* Does what the line is about lead to other blobs that it needs? A subject
   does not: it may be anywhere. */
static int ocitar_i_catalog_leads(const ocitar_line *line)
{
    uint8_t media = ocitar_i_catalog_media(line);

    return line->role == OCITAR_ROLE_MANIFEST &&
           (media == OCITAR_I_MEDIA_MANIFEST || media == OCITAR_I_MEDIA_INDEX);
}

OCITAR_API uint32_t ocitar_catalog_mark(ocitar_catalog *catalog,
                                        const ocitar_line *line, int foreign)
{
    struct { uint32_t at, end; } levels[17];
    uint32_t missing = 0;
    int depth = 0, is_foreign;

    if (catalog == NULL || line == NULL || catalog->table_count == 0 ||
        line < catalog->lines || line >= catalog->lines + catalog->used)
        return 0;
    levels[0].at = (uint32_t)(line - catalog->lines);
    levels[0].end = levels[0].at + 1;
    while (depth >= 0) {
        ocitar_line *blob;

        if (levels[depth].at == levels[depth].end) {
            depth--;
            continue;
        }
        line = &catalog->lines[levels[depth].at++];
        is_foreign = line->role == OCITAR_ROLE_LAYER &&
                     ocitar_i_catalog_media(line) >=
                         OCITAR_I_MEDIA_FOREIGN;
        if (line->role > OCITAR_ROLE_LAYER || line->role == 0 ||
            (is_foreign && !foreign))
            continue;
        blob = ocitar_catalog_blob(catalog, &line->descriptor.digest);
        missing += blob == NULL && !is_foreign;
        if (blob == NULL || blob->marked)
            continue;
        blob->marked = 1;
        if (!ocitar_i_catalog_leads(line) || depth == 16)
            continue;
        depth++;
        levels[depth].at = blob->first;
        levels[depth].end = blob->first + blob->count;
    }
    return missing;
}

/* The next bytes of a blob. */
static int ocitar_i_verified_read(ocitar_verified *v, void *out,
                                  size_t capacity, size_t *len)
{
    size_t want = v->left < capacity ? (size_t)v->left : capacity;
    int code;

    *len = 0;
    if (want == 0)
        return 0;
    code = v->from.get_at_fn != NULL
               ? v->from.get_at_fn(v->from.user, v->offset, out, want, len)
               : v->from.get_fn(v->from.user, out, want, len);
    if (code == 0 && (*len == 0 || *len > want))
        code = OCITAR_E_SIZE;
    if (code != 0)
        return code;
    v->offset += *len;
    v->left -= *len;
    return 0;
}

static int ocitar_i_verified_get(void *user, void *out, size_t capacity,
                                 size_t *len)
{
    ocitar_verified *v = (ocitar_verified *)user;
    ocitar_digest actual;
    int code = ocitar_i_verified_read(v, out, capacity, len);

    if (code != 0)
        return code;
    if (*len > 0)
        return ocitar_digester_update(&v->digester, out, *len);
    code = ocitar_digester_end(&v->digester, &actual);
    return code == OCITAR_OK && ocitar_digest_equal(&actual, &v->digest)
               ? 0
               : (int)OCITAR_E_DIGEST;
}

OCITAR_API int ocitar_verified_begin(ocitar_verified *verified,
                                     const ocitar_line *blob,
                                     const ocitar_source *from,
                                     ocitar_source *out)
{
    if (verified == NULL || blob == NULL || from == NULL || out == NULL ||
        (from->get_at_fn == NULL && from->get_fn == NULL))
        return OCITAR_E_ARG;
    OCITAR_MEMSET(verified, 0, sizeof *verified);
    OCITAR_MEMSET(out, 0, sizeof *out);
    verified->from = *from;
    verified->digest = blob->descriptor.digest;
    verified->offset = blob->offset;
    verified->left = blob->descriptor.size;
    out->get_fn = ocitar_i_verified_get;
    out->user = verified;
    return ocitar_digester_begin(&verified->digester,
                                 verified->digest.algorithm, NULL);
}

OCITAR_API int ocitar_catalog_copy(const ocitar_line *blob,
                                   const ocitar_source *source, int verified,
                                   ocitar_layout *layout, void *buffer,
                                   size_t buffer_size)
{
    ocitar_wait wait;
    ocitar_verified v;
    ocitar_error why;
    ocitar_blob b;
    size_t n = 1;
    int e, code;

    if (blob == NULL || source == NULL || layout == NULL || buffer == NULL ||
        buffer_size == 0 ||
        (source->get_at_fn == NULL && source->get_fn == NULL))
        return OCITAR_E_ARG;
    OCITAR_MEMSET(&wait, 0, sizeof wait);
    wait.way = OCITAR_WAIT_KNOWN;
    wait.size = blob->descriptor.size;
    wait.digest = blob->descriptor.digest;
    wait.verified = verified != 0;
    v.from = *source;
    v.offset = blob->offset;
    v.left = blob->descriptor.size;
    e = ocitar_blob_begin(&b, layout, wait.digest.algorithm, &wait);
    while (e == OCITAR_OK && n > 0 && !b.known_here) {
        code = ocitar_i_verified_read(&v, buffer, buffer_size, &n);
        e = code != 0 ? ocitar_i_layout_report(layout, OCITAR_E_SOURCE, code,
                                               "catalog copy")
                      : ocitar_blob_write(&b, buffer, n);
    }
    if (e == OCITAR_OK && !b.known_here)
        e = ocitar_blob_commit(&b, OCITAR_SIZE_UNKNOWN, NULL);
    why = ocitar_i_layout_root(layout)->error; /* forgotten with the blob */
    code = ocitar_blob_close(&b);
    if (e != OCITAR_OK && ocitar_i_layout_root(layout)->error.code == 0)
        ocitar_i_layout_root(layout)->error = why;
    return e != OCITAR_OK ? e : code;
}

#endif /* OCITAR_I_READS && OCITAR_I_IMAGES */

#ifdef __cplusplus
}
#endif

/* ==== hosted ============================================================
   POSIX files, the heap, the directory walk. Calls everything above. */

#ifndef OCITAR_NO_HOSTED

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#ifdef __linux__
#  include <sys/sendfile.h>
#  include <sys/sysmacros.h>
#  include <sys/xattr.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GLIBC__ && !defined __USE_XOPEN2K8
#  error "ocitar.h: define OCITAR_IMPLEMENTATION and include it before others"
#endif

/* A 32-bit off_t would end every archive at 2 GiB. */
typedef char ocitar_i_off_t_is_too_small__include_ocitar_h_first
    [sizeof(off_t) >= 8 ? 1 : -1];

/* -- descriptors -- */

static int ocitar_i_fd_put(void *user, const void *data, size_t len)
{
    const char *p = (const char *)data;
    ssize_t n;

    while (len > 0) {
        n = write(((ocitar_fd *)user)->descriptor, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int ocitar_i_fd_put_at(void *user, uint64_t offset, const void *data,
                              size_t len)
{
    const ocitar_fd *fd = (const ocitar_fd *)user;
    const char *p = (const char *)data;
    off_t at = (off_t)(fd->start + (int64_t)offset);
    ssize_t n;

    while (len > 0) {
        n = pwrite(fd->descriptor, p, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        p += n;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int ocitar_i_fd_truncate(void *user, uint64_t offset)
{
    const ocitar_fd *fd = (const ocitar_fd *)user;
    off_t at = (off_t)(fd->start + (int64_t)offset);

    if (ftruncate(fd->descriptor, at) != 0 ||
        lseek(fd->descriptor, at, SEEK_SET) != at)
        return errno;
    return 0;
}

static int ocitar_i_fd_get(void *user, void *out, size_t capacity, size_t *len)
{
    ssize_t n;

    do
        n = read(((ocitar_fd *)user)->descriptor, out, capacity);
    while (n < 0 && errno == EINTR);
    *len = n > 0 ? (size_t)n : 0;
    return n < 0 ? errno : 0;
}

static int ocitar_i_fd_rewind(void *user)
{
    const ocitar_fd *fd = (const ocitar_fd *)user;

    if (lseek(fd->descriptor, (off_t)fd->start, SEEK_SET) < 0)
        return errno;
    return 0;
}

/* Lets the system bring the bytes. Whatever goes wrong, what is left is read
   and written, and fails there if it must. */
static uint64_t ocitar_i_fd_move(void *user, const ocitar_fd *file,
                                 uint64_t offset, uint64_t len)
{
    uint64_t done = 0;
#ifdef __linux__
    const ocitar_fd *fd = (const ocitar_fd *)user;
    off_t at = (off_t)(file->start + (int64_t)offset);
    size_t want;
    ssize_t n;

    while (done < len) {
        want = len - done < 0x40000000 ? (size_t)(len - done) : 0x40000000;
#  ifdef SPLICE_F_MOVE
        if (fd->is_pipe)
            n = splice(file->descriptor, &at, fd->descriptor, NULL, want, 0);
        else
#  endif
            n = sendfile(fd->descriptor, file->descriptor, &at, want);
        if (n <= 0 && (n == 0 || errno != EINTR))
            break;
        done += n > 0 ? (uint64_t)n : 0;
    }
#else
    (void)user, (void)file, (void)offset, (void)len;
#endif
    return done;
}

/* Has a file the size and times that it had? A change of less than a tick of
   the file system's clock after the first look may be missed. */
static int ocitar_i_fd_same(void *user, int begin)
{
    ocitar_fd *fd = (ocitar_fd *)user;
    int64_t now[5] = { -1, -1, -1, -1, -1 };
    struct stat st;

    if (fstat(fd->descriptor, &st) == 0) {
        now[0] = (int64_t)st.st_size;
        now[1] = (int64_t)st.st_mtime;
        now[2] = (int64_t)st.st_ctime;
#ifdef __linux__
        now[3] = (int64_t)st.st_mtim.tv_nsec;
        now[4] = (int64_t)st.st_ctim.tv_nsec;
#endif
    }
    if (begin)
        OCITAR_MEMCPY(fd->seen, now, sizeof now);
    return now[0] < 0 || OCITAR_MEMCMP(fd->seen, now, sizeof now) != 0;
}

OCITAR_API void ocitar_fd_begin(ocitar_fd *fd, int descriptor)
{
    struct stat st;

    OCITAR_MEMSET(fd, 0, sizeof *fd);
    fd->descriptor = descriptor;
    fd->start = (int64_t)lseek(descriptor, 0, SEEK_CUR);
    fd->is_pipe = fd->start < 0 && fstat(descriptor, &st) == 0 &&
                  S_ISFIFO(st.st_mode);
}

OCITAR_API void ocitar_fd_sink(ocitar_fd *fd, ocitar_sink *out)
{
    struct stat st;
    int flags = fcntl(fd->descriptor, F_GETFL);

    OCITAR_MEMSET(out, 0, sizeof *out);
    out->put_fn = ocitar_i_fd_put;
    out->move_fn = ocitar_i_fd_move;
    out->user = fd;
    if (fd->start >= 0 && flags >= 0 && !(flags & O_APPEND) &&
        fstat(fd->descriptor, &st) == 0 && S_ISREG(st.st_mode)) {
        out->put_at_fn = ocitar_i_fd_put_at;
        out->truncate_fn = ocitar_i_fd_truncate;
    }
}

static int ocitar_i_fd_get_at(void *user, uint64_t offset, void *out,
                              size_t capacity, size_t *len)
{
    const ocitar_fd *fd = (const ocitar_fd *)user;
    ssize_t n;

    do
        n = pread(fd->descriptor, out, capacity,
                  (off_t)(fd->start + (int64_t)offset));
    while (n < 0 && errno == EINTR);
    *len = n > 0 ? (size_t)n : 0;
    return n < 0 ? errno : 0;
}

OCITAR_API void ocitar_fd_source(ocitar_fd *fd, ocitar_source *out)
{
    OCITAR_MEMSET(out, 0, sizeof *out);
    out->get_fn = ocitar_i_fd_get;
    out->user = fd;
    if (fd->start < 0)
        return;
    out->rewind_fn = ocitar_i_fd_rewind;
    out->get_at_fn = ocitar_i_fd_get_at;
    out->same_fn = ocitar_i_fd_same;
    out->file = fd;
}

#if OCITAR_I_WRITES
/* A file must not land where standard output was closed: others print there.
   Takes a descriptor, and returns one above 2, or -1 with errno. */
static int ocitar_i_fd_high(int fd)
{
    int high;

    if (fd < 0 || fd > 2)
        return fd;
    high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    close(fd);
    return high;
}

/* Makes a new file for writing. A name that is taken is the caller's to
   change: errno says EEXIST. */
static int ocitar_i_fd_create(int directory, const char *name, mode_t mode)
{
    int high, code;
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                    mode);

    if (fd < 0)
        return -1;
    high = ocitar_i_fd_high(fd);
    if (high < 0) {
        code = errno;
        unlinkat(directory, name, 0);
        errno = code;
    }
    return high;
}

/* Others may have left files of this process' number behind: a container's
   first process is always 1. */
enum { OCITAR_I_TEMP_TRIES = 10000 };

#endif

/* -- heap -- */

static void *ocitar_i_heap_resize(void *user, void *old, size_t old_size,
                                  size_t new_size)
{
    (void)user;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

OCITAR_API void ocitar_heap(ocitar_allocator *out)
{
    out->resize_fn = ocitar_i_heap_resize;
    out->user = NULL;
}

#if OCITAR_I_WRITES

/* -- temporary file -- */

static int ocitar_i_temp_open(ocitar_temp *t)
{
    const char *directory = t->directory != NULL ? t->directory : "/tmp";
    char path[4096];
    int n;

#ifdef O_TMPFILE
    t->descriptor = ocitar_i_fd_high(
        open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (t->descriptor >= 0)
        return 0;
#endif
    n = snprintf(path, sizeof path, "%s/ocitar." "XX" "XX" "XX", directory);
    if (n < 0 || (size_t)n >= sizeof path)
        return ENAMETOOLONG;
    n = mkstemp(path);
    if (n < 0)
        return errno;
    unlink(path);
    (void)fcntl(n, F_SETFD, FD_CLOEXEC);
    t->descriptor = ocitar_i_fd_high(n);
    return t->descriptor < 0 ? errno : 0;
}

static int ocitar_i_temp_append(void *user, const void *data, size_t len)
{
    ocitar_temp *t = (ocitar_temp *)user;
    ocitar_fd fd;
    int code = t->descriptor < 0 ? ocitar_i_temp_open(t) : 0;

    if (code != 0)
        return code;
    fd.descriptor = t->descriptor;
    fd.start = 0;
    code = ocitar_i_fd_put_at(&fd, (uint64_t)t->size, data, len);
    if (code == 0)
        t->size += (int64_t)len;
    return code;
}

static int ocitar_i_temp_load(void *user, uint64_t offset, void *out,
                              size_t len)
{
    const ocitar_temp *t = (const ocitar_temp *)user;
    char *p = (char *)out;
    off_t at = (off_t)offset;
    ssize_t n;

    while (len > 0) {
        n = pread(t->descriptor, p, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        p += n;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int ocitar_i_temp_reset(void *user)
{
    ocitar_temp *t = (ocitar_temp *)user;

    t->size = 0;
    if (t->descriptor >= 0 && ftruncate(t->descriptor, 0) != 0)
        return errno;
    return 0;
}

OCITAR_API void ocitar_temp_begin(ocitar_temp *temp, const char *directory)
{
    temp->directory = directory;
    temp->size = 0;
    temp->descriptor = -1;
    temp->live = 1;
}

OCITAR_API void ocitar_temp_store(ocitar_temp *temp, ocitar_store *out)
{
    out->append_fn = ocitar_i_temp_append;
    out->load_fn = ocitar_i_temp_load;
    out->reset_fn = ocitar_i_temp_reset;
    out->user = temp;
}

OCITAR_API void ocitar_temp_end(ocitar_temp *temp)
{
    if (temp->live && temp->descriptor >= 0)
        close(temp->descriptor);
    temp->live = 0;
}

/* -- output -- */

static int ocitar_i_output_fail(ocitar_output *o, int code, int *user_code)
{
    if (o->directory >= 0)
        close(o->directory);
    o->directory = -1;
    o->fd.descriptor = -1;
    if (user_code != NULL)
        *user_code = code;
    return OCITAR_E_SYSTEM;
}

/* Makes the temporary file beside the final one: ".name.pid.n". */
static int ocitar_i_output_create(ocitar_output *o)
{
    int n, fd = -1;

    for (n = 0; n < OCITAR_I_TEMP_TRIES && fd < 0; n++) {
        (void)snprintf(o->temp, sizeof o->temp, ".%.200s.%ld.%d", o->name,
                       (long)getpid(), n);
        fd = ocitar_i_fd_create(o->directory, o->temp, 0666);
        if (fd < 0 && errno != EEXIST)
            return errno;
    }
    if (fd < 0)
        return EEXIST;
    ocitar_fd_begin(&o->fd, fd);
    return 0;
}

/* Opens the directory that the path lies in, and keeps the last name. */
static int ocitar_i_output_place(ocitar_output *o, const char *path)
{
    size_t len = ocitar_i_bytes_length(path, 0), base = len;
    char *directory;

    while (base > 0 && path[base - 1] != '/')
        base--;
    if (len == base)
        return len == 0 ? ENOENT : EISDIR;
    if (len - base >= sizeof o->name)
        return ENAMETOOLONG;
    OCITAR_MEMCPY(o->name, path + base, len - base + 1);
    directory = (char *)malloc(base + 2);
    if (directory == NULL)
        return ENOMEM;
    OCITAR_MEMCPY(directory, base > 0 ? path : ".", base > 0 ? base : 1);
    directory[base > 0 ? base : 1] = 0;
    o->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    return o->directory < 0 ? errno : 0;
}

OCITAR_API int ocitar_output_open(ocitar_output *output, const char *path,
                                  int *user_code)
{
    struct stat st;
    char *resolved = NULL;
    int exists, code = 0;

    if (output == NULL)
        return OCITAR_E_ARG;
    output->live = 1;
    output->directory = -1;
    output->fd.descriptor = -1;
    if (path == NULL)
        return OCITAR_E_ARG;
    if (path[0] == '-' && path[1] == 0) {
        ocitar_fd_begin(&output->fd, 1);
        return OCITAR_OK;
    }
    exists = stat(path, &st) == 0;
    if (!exists && lstat(path, &st) == 0) /* a link to nowhere */
        return ocitar_i_output_fail(output, ENOENT, user_code);
    if (exists && !S_ISREG(st.st_mode)) {
        int fd = ocitar_i_fd_high(open(path, O_WRONLY | O_CLOEXEC));

        if (fd < 0)
            return ocitar_i_output_fail(output, errno, user_code);
        ocitar_fd_begin(&output->fd, fd);
        return OCITAR_OK;
    }
    if (exists) {
        resolved = realpath(path, NULL); /* keep a link that points to it */
        code = resolved == NULL ? errno : 0;
    }
    if (code == 0)
        code = ocitar_i_output_place(output,
                                     resolved != NULL ? resolved : path);
    if (code == 0)
        code = ocitar_i_output_create(output);
    free(resolved);
    if (code == 0 && exists)
        (void)!fchmod(output->fd.descriptor, st.st_mode & 07777);
    return code == 0 ? (int)OCITAR_OK
                     : ocitar_i_output_fail(output, code, user_code);
}

OCITAR_API int ocitar_output_commit(ocitar_output *output, int sync,
                                    int *user_code)
{
    int fd, code = 0;

    if (output == NULL)
        return OCITAR_E_ARG;
    if (!output->live || output->fd.descriptor < 0)
        return OCITAR_E_STATE;
    fd = output->fd.descriptor;
    if (output->directory < 0) { /* straight; a pipe cannot be synced */
        output->fd.descriptor = -1;
        if (fd != 1 && close(fd) != 0)
            return ocitar_i_output_fail(output, errno, user_code);
        return OCITAR_OK;
    }
    if (sync && fsync(fd) != 0)
        code = errno;
    if (close(fd) != 0 && code == 0)
        code = errno;
    output->fd.descriptor = -1;
    if (code == 0 && renameat(output->directory, output->temp,
                              output->directory, output->name) != 0)
        code = errno;
    if (code != 0)
        unlinkat(output->directory, output->temp, 0);
    else if (sync && fsync(output->directory) != 0)
        code = errno;
    if (code != 0)
        return ocitar_i_output_fail(output, code, user_code);
    close(output->directory);
    output->directory = -1;
    return OCITAR_OK;
}

OCITAR_API void ocitar_output_abandon(ocitar_output *output)
{
    if (output == NULL || !output->live || output->fd.descriptor < 0)
        return;
    if (output->fd.descriptor != 1)
        close(output->fd.descriptor);
    output->fd.descriptor = -1;
    if (output->directory >= 0) {
        unlinkat(output->directory, output->temp, 0);
        close(output->directory);
    }
    output->directory = -1;
}

/* -- directory driver -- */

static int ocitar_i_directory_fail(ocitar_directory *d, int code)
{
    d->root.user_code = code;
    return OCITAR_E_SYSTEM;
}

/* The next component of a name: its length, moving *at past it; 0 at the end.
   Empty ones and "." are skipped. */
static size_t ocitar_i_directory_part(const char *name, size_t len, size_t *at,
                                      const char **part)
{
    size_t start;

    do {
        while (*at < len && name[*at] == '/')
            ++*at;
        start = *at;
        while (*at < len && name[*at] != '/')
            ++*at;
    } while (*at - start == 1 && name[start] == '.');
    *part = name + start;
    return *at - start;
}

/* Opens the directory that an object lies in, one component after the other
   and never through a link, and leaves the last name in `base`. */
static int ocitar_i_directory_place(ocitar_directory *d, const char *name,
                                    size_t len, int create, int *parent,
                                    char base[256])
{
    const char *part;
    size_t at = 0, n;
    int fd, next;

    *parent = -1;
    base[0] = 0;
    if (!ocitar_i_name_ok(name, len) ||
        ocitar_i_bytes_has(name, len, 0))
        return OCITAR_E_NAME;
    fd = fcntl(d->descriptor, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return ocitar_i_directory_fail(d, errno);
    while ((n = ocitar_i_directory_part(name, len, &at, &part)) > 0) {
        if (base[0] != 0) {
            if (create)
                (void)!mkdirat(fd, base, 0755);
            next = openat(fd, base,
                          O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            ocitar_i_directory_fail(d, errno);
            close(fd);
            if (next < 0)
                return OCITAR_E_SYSTEM;
            fd = next;
        }
        if (n > 255) {
            close(fd);
            return ocitar_i_directory_fail(d, ENAMETOOLONG);
        }
        OCITAR_MEMCPY(base, part, n);
        base[n] = 0;
    }
    *parent = fd;
    return OCITAR_OK;
}

static int ocitar_i_directory_make(ocitar_directory *d,
                                   const ocitar_entry *entry, size_t len)
{
    struct stat st;
    char base[256];
    int parent;
    int e = ocitar_i_directory_place(d, entry->name, len, 1, &parent, base);

    if (e != OCITAR_OK)
        return e;
    if (mkdirat(parent, base, (mode_t)entry->mode) != 0 &&
        (errno != EEXIST ||
         fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
         !S_ISDIR(st.st_mode)))
        e = ocitar_i_directory_fail(d, errno);
    close(parent);
    return e;
}

static int ocitar_i_directory_begin(void *user, const ocitar_entry *entry)
{
    ocitar_directory *d = (ocitar_directory *)user;
    size_t len = ocitar_i_bytes_length(entry->name, entry->name_len);
    int e, n;

    if (d->file >= 0)
        return OCITAR_E_BUSY;
    if (entry->typeflag == '5')
        return ocitar_i_directory_make(d, entry, len);
    if (len > 0 && entry->name[len - 1] == '/')
        return OCITAR_E_NAME;
    e = ocitar_i_directory_place(d, entry->name, len, 1, &d->parent, d->name);
    if (e == OCITAR_OK && d->name[0] == 0) {
        close(d->parent);
        e = OCITAR_E_NAME; /* "." and the like */
    }
    if (e != OCITAR_OK)
        return e;
    errno = EEXIST;
    for (n = 0;
         n < OCITAR_I_TEMP_TRIES && d->file < 0 && errno == EEXIST; n++) {
        (void)snprintf(d->temp, sizeof d->temp, ".ocitar.%ld.%d",
                       (long)getpid(), n);
        d->file = ocitar_i_fd_create(d->parent, d->temp, 0600);
    }
    if (d->file >= 0)
        return OCITAR_OK;
    e = ocitar_i_directory_fail(d, errno);
    close(d->parent);
    return e;
}

static int ocitar_i_directory_write(void *user, const void *data, size_t len)
{
    ocitar_directory *d = (ocitar_directory *)user;
    ocitar_fd fd;
    int code;

    fd.descriptor = d->file;
    fd.start = 0;
    code = ocitar_i_fd_put(&fd, data, len);
    return code != 0 ? ocitar_i_directory_fail(d, code) : (int)OCITAR_OK;
}

static int ocitar_i_directory_cancel(void *user)
{
    ocitar_directory *d = (ocitar_directory *)user;

    if (d->file < 0)
        return OCITAR_OK;
    close(d->file);
    d->file = -1;
    unlinkat(d->parent, d->temp, 0);
    close(d->parent);
    return OCITAR_OK;
}

/* The name may have changed since begin, but not the directory: only a
   blob's digest was open. */
static int ocitar_i_directory_finish(void *user, const ocitar_entry *entry)
{
    ocitar_directory *d = (ocitar_directory *)user;
    size_t len = ocitar_i_bytes_length(entry->name, entry->name_len), at = 0;
    size_t n;
    const char *part;
    int code = 0;

    while ((n = ocitar_i_directory_part(entry->name, len, &at, &part)) > 0 &&
           n < sizeof d->name) {
        OCITAR_MEMCPY(d->name, part, n);
        d->name[n] = 0;
    }
    if (fchmod(d->file, (mode_t)entry->mode) != 0 ||
        (d->sync && fsync(d->file) != 0))
        code = errno;
    if (close(d->file) != 0 && code == 0)
        code = errno;
    d->file = -1;
    if (code == 0 && renameat(d->parent, d->temp, d->parent, d->name) != 0)
        code = errno;
    if (code != 0)
        unlinkat(d->parent, d->temp, 0);
    else if (d->sync && fsync(d->parent) != 0)
        code = errno;
    close(d->parent);
    return code != 0 ? ocitar_i_directory_fail(d, code) : (int)OCITAR_OK;
}

static int ocitar_i_directory_exists(void *user, const char *name,
                                     uint64_t size)
{
    ocitar_directory *d = (ocitar_directory *)user;
    struct stat st;
    char base[256];
    int parent, found;

    if (ocitar_i_directory_place(d, name, ocitar_i_bytes_length(name, 0), 0,
                                 &parent, base) != OCITAR_OK)
        return 0;
    found = fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
    close(parent);
    return found;
}

static int ocitar_i_directory_remove(void *user, const char *name)
{
    ocitar_directory *d = (ocitar_directory *)user;
    char base[256];
    int parent;
    int e = ocitar_i_directory_place(d, name, ocitar_i_bytes_length(name, 0),
                                     0, &parent, base);

    if (e != OCITAR_OK)
        return e;
    if (unlinkat(parent, base, 0) != 0)
        e = ocitar_i_directory_fail(d, errno);
    close(parent);
    return e;
}

static int ocitar_i_directory_reader(void *user, const char *name,
                                     ocitar_source *out)
{
    ocitar_directory *d = (ocitar_directory *)user;
    struct stat st;
    char base[256];
    int parent, fd, code;
    int e = ocitar_i_directory_place(d, name, ocitar_i_bytes_length(name, 0),
                                     0, &parent, base);

    if (e != OCITAR_OK)
        return e;
    fd = openat(parent, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ocitar_i_directory_fail(d, errno);
    close(parent);
    if (fd < 0)
        return OCITAR_E_SYSTEM;
    code = fstat(fd, &st) != 0 ? errno : S_ISREG(st.st_mode) ? 0 : EINVAL;
    if (code != 0) {
        close(fd);
        return ocitar_i_directory_fail(d, code);
    }
    if (d->reading.descriptor >= 0)
        close(d->reading.descriptor);
    ocitar_fd_begin(&d->reading, fd);
    ocitar_fd_source(&d->reading, out);
    return OCITAR_OK;
}

static const ocitar_driver ocitar_i_directory_driver = {
    ocitar_i_directory_begin,  ocitar_i_directory_write,
    NULL,                      ocitar_i_directory_finish,
    ocitar_i_directory_cancel, ocitar_i_directory_exists,
    ocitar_i_directory_remove, ocitar_i_directory_reader
};

OCITAR_API int ocitar_directory_begin(ocitar_directory *directory,
                                      const char *path, int sync,
                                      int *user_code)
{
    if (directory == NULL)
        return OCITAR_E_ARG;
    OCITAR_MEMSET(directory, 0, sizeof *directory);
    directory->descriptor = -1;
    directory->file = -1;
    directory->reading.descriptor = -1;
    directory->sync = sync != 0;
    if (path == NULL)
        return OCITAR_E_ARG;
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        directory->descriptor = open(path,
                                     O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory->descriptor < 0) {
        if (user_code != NULL)
            *user_code = errno;
        return OCITAR_E_SYSTEM;
    }
    ocitar_root_begin(&directory->root);
    return OCITAR_OK;
}

OCITAR_API void ocitar_directory_layout(ocitar_directory *directory,
                                        ocitar_layout_desc *out)
{
    out->driver = &ocitar_i_directory_driver;
    out->driver_user = directory;
    out->root = &directory->root;
}

OCITAR_API int ocitar_directory_finish(ocitar_directory *directory)
{
    int e;

    if (directory == NULL)
        return OCITAR_E_ARG;
    if (directory->root.finished)
        return OCITAR_OK;
    e = ocitar_i_root_check(&directory->root);
    if (e == OCITAR_OK && directory->file >= 0) {
        ocitar_i_root_record(&directory->root, OCITAR_E_STATE, 0,
                             "an object is not complete");
        e = OCITAR_E_STATE;
    }
    if (e == OCITAR_OK && directory->sync &&
        fsync(directory->descriptor) != 0)
        e = ocitar_i_root_poison(&directory->root, OCITAR_E_SYSTEM, errno,
                                 "directory sync");
    return e == OCITAR_OK ? ocitar_root_finish(&directory->root) : e;
}

OCITAR_API void ocitar_directory_end(ocitar_directory *directory)
{
    if (directory == NULL || directory->root.node.state == OCITAR_I_INERT)
        return;
    ocitar_i_directory_cancel(directory);
    if (directory->reading.descriptor >= 0)
        close(directory->reading.descriptor);
    if (directory->descriptor >= 0)
        close(directory->descriptor);
    directory->reading.descriptor = -1;
    directory->descriptor = -1;
    directory->root.node.state = OCITAR_I_GONE;
}

OCITAR_API const ocitar_error *
ocitar_directory_error(const ocitar_directory *directory)
{
    static const ocitar_error none = { OCITAR_E_ARG, 0, "no directory", 0, 0,
                                       { 0, { 0 } }, { 0, { 0 } } };

    return directory == NULL ? &none : &directory->root.error;
}

#endif /* OCITAR_I_WRITES */

#if OCITAR_I_IMAGES

/* -- directory walk: one open directory at a time, no recursion -- */

/* Memory that grows; its element type is the user's. */
typedef struct ocitar_i_vector {
    void *memory;
    size_t size; /* bytes had */
    size_t used; /* bytes taken */
} ocitar_i_vector;

typedef struct ocitar_i_tree_frame {
    dev_t dev;
    ino_t ino;
    size_t names_used; /* of the vectors, to go back to */
    size_t order_used;
    size_t order_at;   /* next entry, in elements */
    size_t path_len;
} ocitar_i_tree_frame;

typedef struct ocitar_i_tree_link {
    dev_t dev;
    ino_t ino;
    size_t name; /* where its first name is in link_names, plus 1; 0: free */
} ocitar_i_tree_link;

typedef struct ocitar_i_tree {
    ocitar_layer *layer;
    const ocitar_tree_desc *desc;
    ocitar_i_vector path;  /* the current entry's, with its NUL */
    ocitar_i_vector names; /* of all directories that are under way */
    ocitar_i_vector order; /* size_t: offsets into names, sorted */
    ocitar_i_vector frames;
    ocitar_i_vector links; /* a hash table: size is a power of two of slots */
    size_t link_count;
    ocitar_i_vector link_names;
    ocitar_i_vector target; /* of a symlink */
    ocitar_i_vector xattrs; /* ocitar_pair: those of the current entry */
    ocitar_i_vector xattr_list; /* their names, as the system lists them */
    ocitar_i_vector xattr_text; /* key, value, NUL, key, value, NUL ... */
    int directory;
    int code; /* errno of the failure */
} ocitar_i_tree;

/* Room for `len` more bytes; they are not taken yet. */
static int ocitar_i_vector_room(ocitar_i_tree *t, ocitar_i_vector *v,
                                size_t len)
{
    const ocitar_allocator *heap = t->desc->allocator;
    size_t size = v->size < 512 ? 512 : v->size;
    void *memory;

    if (len > SIZE_MAX / 4 || v->used > SIZE_MAX / 4)
        return OCITAR_E_MEMORY;
    while (size < v->used + len)
        size *= 2;
    if (size == v->size)
        return OCITAR_OK;
    memory = heap->resize_fn(heap->user, v->memory, v->size, size);
    if (memory == NULL)
        return OCITAR_E_MEMORY;
    v->memory = memory;
    v->size = size;
    return OCITAR_OK;
}

static int ocitar_i_vector_add(ocitar_i_tree *t, ocitar_i_vector *v,
                               const void *data, size_t len)
{
    int e = ocitar_i_vector_room(t, v, len);

    if (e == OCITAR_OK) {
        OCITAR_MEMCPY((char *)v->memory + v->used, data, len);
        v->used += len;
    }
    return e;
}

static void ocitar_i_vector_free(ocitar_i_tree *t, ocitar_i_vector *v)
{
    const ocitar_allocator *heap = t->desc->allocator;

    if (v->memory != NULL)
        heap->resize_fn(heap->user, v->memory, v->size, 0);
}

static int ocitar_i_tree_system(ocitar_i_tree *t)
{
    t->code = errno;
    return OCITAR_E_SYSTEM;
}

static int ocitar_i_tree_notify(ocitar_i_tree *t, int what, int code)
{
    const char *name = t->path.memory != NULL ? (const char *)t->path.memory
                                              : "";

    if (t->desc->notify_fn == NULL)
        return OCITAR_OK;
    t->code = t->desc->notify_fn(t->desc->notify_user, what, name, code);
    return t->code != 0 ? (int)OCITAR_E_SOURCE : (int)OCITAR_OK;
}

static int ocitar_i_tree_before(const ocitar_i_tree *t, size_t a, size_t b)
{
    const char *x = (const char *)t->names.memory + a;
    const char *y = (const char *)t->names.memory + b;

    while (*x == *y && *x != 0)
        x++, y++;
    return (unsigned char)*x < (unsigned char)*y;
}

static void ocitar_i_tree_sift(const ocitar_i_tree *t, size_t *v, size_t at,
                               size_t count)
{
    size_t child, held = v[at];

    while ((child = 2 * at + 1) < count) {
        if (child + 1 < count && ocitar_i_tree_before(t, v[child],
                                                      v[child + 1]))
            child++;
        if (!ocitar_i_tree_before(t, held, v[child]))
            break;
        v[at] = v[child];
        at = child;
    }
    v[at] = held;
}

/* A heap sort: no recursion, and no bad case that a directory could hold. */
static void ocitar_i_tree_sort(const ocitar_i_tree *t, size_t *v, size_t count)
{
    size_t i, held;

    for (i = count / 2; i > 0; i--)
        ocitar_i_tree_sift(t, v, i - 1, count);
    for (i = count; i > 1; i--) {
        held = v[0];
        v[0] = v[i - 1];
        v[i - 1] = held;
        ocitar_i_tree_sift(t, v, 0, i - 1);
    }
}

/* The typeflag that an entry will have, where the directory tells it for a
   file or a directory: those are opened, and their stat comes then. Else 0. */
static char ocitar_i_tree_type(const struct dirent *entry)
{
#if defined DT_REG && defined DT_DIR
    if (entry->d_type == DT_REG)
        return '0';
    if (entry->d_type == DT_DIR)
        return '5';
#else
    (void)entry;
#endif
    return 0;
}

/* Reads the names of a directory into the vectors, before each its type. */
static int ocitar_i_tree_list(ocitar_i_tree *t)
{
    size_t start = t->order.used / sizeof(size_t), at, len;
    struct dirent *entry;
    char type;
    int e = OCITAR_OK, copy = fcntl(t->directory, F_DUPFD_CLOEXEC, 0);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);

    if (dir == NULL) {
        e = ocitar_i_tree_system(t);
        if (copy >= 0)
            close(copy);
        return e;
    }
    rewinddir(dir);
    while (e == OCITAR_OK) {
        errno = 0;
        entry = readdir(dir);
        if (entry == NULL) {
            if (errno != 0)
                e = ocitar_i_tree_system(t);
            break;
        }
        len = ocitar_i_bytes_length(entry->d_name, 0);
        if (entry->d_name[0] == '.' &&
            (len == 1 || (len == 2 && entry->d_name[1] == '.')))
            continue;
        type = ocitar_i_tree_type(entry);
        e = ocitar_i_vector_add(t, &t->names, &type, 1);
        at = t->names.used;
        if (e == OCITAR_OK)
            e = ocitar_i_vector_add(t, &t->names, entry->d_name, len + 1);
        if (e == OCITAR_OK)
            e = ocitar_i_vector_add(t, &t->order, &at, sizeof at);
    }
    closedir(dir);
    if (e == OCITAR_OK && t->order.used / sizeof(size_t) > start)
        ocitar_i_tree_sort(t, (size_t *)t->order.memory + start,
                           t->order.used / sizeof(size_t) - start);
    return e;
}

/* Enters the directory `fd`, which it owns from now on. */
static int ocitar_i_tree_push(ocitar_i_tree *t, int fd, const struct stat *st,
                              size_t path_len)
{
    ocitar_i_tree_frame f;
    int e;

    if (t->directory >= 0)
        close(t->directory);
    t->directory = fd;
    OCITAR_MEMSET(&f, 0, sizeof f);
    f.dev = st->st_dev;
    f.ino = st->st_ino;
    f.names_used = t->names.used;
    f.order_used = t->order.used;
    f.order_at = t->order.used / sizeof(size_t);
    f.path_len = path_len;
    e = ocitar_i_vector_add(t, &t->frames, &f, sizeof f);
    return e == OCITAR_OK ? ocitar_i_tree_list(t) : e;
}

static ocitar_i_tree_frame *ocitar_i_tree_top(ocitar_i_tree *t)
{
    return (ocitar_i_tree_frame *)(void *)((char *)t->frames.memory +
                                           t->frames.used) -
           1;
}

/* Goes back to the parent, which must still be the one that it was. */
static int ocitar_i_tree_pop(ocitar_i_tree *t)
{
    ocitar_i_tree_frame *f = ocitar_i_tree_top(t);
    struct stat st;
    int fd;

    t->names.used = f->names_used;
    t->order.used = f->order_used;
    t->frames.used -= sizeof *f;
    if (t->frames.used == 0)
        return OCITAR_OK;
    f--;
    fd = openat(t->directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ocitar_i_tree_system(t);
    close(t->directory);
    t->directory = fd;
    if (fstat(fd, &st) != 0)
        return ocitar_i_tree_system(t);
    return st.st_dev == f->dev && st.st_ino == f->ino
               ? (int)OCITAR_OK
               : (int)OCITAR_E_CHANGED;
}

/* The entry's head from its stat; `typeflag` and links are the caller's. */
static int ocitar_i_tree_entry(ocitar_i_tree *t, const struct stat *st,
                               char typeflag, const char *linkname)
{
    const ocitar_tree_desc *d = t->desc;
    ocitar_entry entry;

    OCITAR_MEMSET(&entry, 0, sizeof entry);
    entry.name = (const char *)t->path.memory;
    entry.linkname = linkname;
    entry.typeflag = typeflag;
    entry.size = typeflag == '0' ? (int64_t)st->st_size : 0;
    entry.mode = st->st_mode & 07777;
    if (typeflag != '2') /* a link has no mode of its own */
        entry.mode &= ~(int64_t)d->mode_mask;
    entry.uid = d->own ? (int64_t)d->uid : (int64_t)st->st_uid;
    entry.gid = d->own ? (int64_t)d->gid : (int64_t)st->st_gid;
    entry.mtime.set = 1;
    entry.mtime.seconds = (int64_t)st->st_mtime;
#ifdef __linux__
    if (d->nanoseconds)
        entry.mtime.nanoseconds = (uint32_t)st->st_mtim.tv_nsec;
#endif
    if (d->mtime_max.set &&
        (entry.mtime.seconds > d->mtime_max.seconds ||
         (entry.mtime.seconds == d->mtime_max.seconds &&
          entry.mtime.nanoseconds > d->mtime_max.nanoseconds))) {
        entry.mtime = d->mtime_max;
        if (!d->nanoseconds)
            entry.mtime.nanoseconds = 0;
    }
    if (entry.mtime.nanoseconds > 0)
        entry.format = OCITAR_FORMAT_PAX;
    if (typeflag == '3' || typeflag == '4') {
        entry.devmajor = (int64_t)major(st->st_rdev);
        entry.devminor = (int64_t)minor(st->st_rdev);
    }
    if (typeflag != '1') {
        entry.pax = (const ocitar_pair *)t->xattrs.memory;
        entry.pax_count = t->xattrs.used / sizeof(ocitar_pair);
    }
    return ocitar_layer_entry(t->layer, &entry);
}

#ifdef __linux__
/* The attributes that belong to a file wherever it is. The rest describes
   this machine: security labels and hashes, and what overlayfs marks. */
static int ocitar_i_tree_xattr_kept(const char *name)
{
    static const char *const kept[] = { "user.", "trusted.",
                                        "security.capability",
                                        "system.posix_acl_" };
    static const char *const left[] = { "user.overlay.", "trusted.overlay." };
    size_t i, n, len = ocitar_i_bytes_length(name, 0);

    for (i = 0; i < sizeof left / sizeof left[0]; i++) {
        n = ocitar_i_bytes_length(left[i], 0);
        if (len >= n && OCITAR_MEMCMP(name, left[i], n) == 0)
            return 0;
    }
    for (i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        n = ocitar_i_bytes_length(kept[i], 0);
        if (len >= n && OCITAR_MEMCMP(name, kept[i], n) == 0)
            return 1;
    }
    return 0;
}

/* Of an open file, or by name where one cannot be opened; sizes as the system
   has them: with `size` 0 how many bytes there are. */
static ssize_t ocitar_i_tree_xattr_names(int fd, const char *path, char *out,
                                         size_t size)
{
    return fd >= 0 ? flistxattr(fd, out, size) : llistxattr(path, out, size);
}

static ssize_t ocitar_i_tree_xattr_value(int fd, const char *path,
                                         const char *name, char *out,
                                         size_t size)
{
    return fd >= 0 ? fgetxattr(fd, name, out, size)
                   : lgetxattr(path, name, out, size);
}

/* How often what is asked for may have grown since its size was. */
enum { OCITAR_I_XATTR_TRIES = 100 };

/* One attribute behind the others: its record's key and its value. */
static int ocitar_i_tree_xattr_add(ocitar_i_tree *t, int fd, const char *path,
                                   const char *name)
{
    static const char prefix[] = "SCHILY.xattr.";
    ocitar_pair pair;
    ssize_t n = 0;
    int e, tries = 0;

    OCITAR_MEMSET(&pair, 0, sizeof pair);
    pair.key_len = sizeof prefix - 1 + ocitar_i_bytes_length(name, 0);
    e = ocitar_i_vector_add(t, &t->xattr_text, prefix, sizeof prefix - 1);
    if (e == OCITAR_OK)
        e = ocitar_i_vector_add(t, &t->xattr_text, name,
                                pair.key_len - (sizeof prefix - 1));
    while (e == OCITAR_OK) {
        n = ocitar_i_tree_xattr_value(fd, path, name, NULL, 0);
        if (n < 0)
            break;
        e = ocitar_i_vector_room(t, &t->xattr_text, (size_t)n + 1);
        if (e != OCITAR_OK)
            return e;
        n = ocitar_i_tree_xattr_value(
            fd, path, name,
            (char *)t->xattr_text.memory + t->xattr_text.used,
            t->xattr_text.size - t->xattr_text.used);
        if (n >= 0 || errno != ERANGE)
            break;
        if (++tries == OCITAR_I_XATTR_TRIES)
            e = OCITAR_E_CHANGED;
    }
    if (e != OCITAR_OK)
        return e;
    if (n < 0)
        return errno == ENODATA ? (int)OCITAR_E_CHANGED
                                : ocitar_i_tree_system(t);
    pair.value_len = (size_t)n;
    t->xattr_text.used += (size_t)n;
    e = ocitar_i_vector_add(t, &t->xattr_text, "", 1);
    return e != OCITAR_OK ? e
                          : ocitar_i_vector_add(t, &t->xattrs, &pair,
                                                sizeof pair);
}

/* The list of names, in t->xattr_list.used bytes. */
static int ocitar_i_tree_xattr_list(ocitar_i_tree *t, int fd, const char *path)
{
    ssize_t n;
    int e, tries = 0;

    t->xattr_list.used = 0;
    do {
        if (tries++ == OCITAR_I_XATTR_TRIES)
            return OCITAR_E_CHANGED;
        n = ocitar_i_tree_xattr_names(fd, path, NULL, 0);
        if (n <= 0)
            break;
        e = ocitar_i_vector_room(t, &t->xattr_list, (size_t)n);
        if (e != OCITAR_OK)
            return e;
        n = ocitar_i_tree_xattr_names(fd, path, (char *)t->xattr_list.memory,
                                      t->xattr_list.size);
    } while (n < 0 && errno == ERANGE);
    if (n < 0 && errno != ENOTSUP && (fd >= 0 || errno != ENOENT))
        return ocitar_i_tree_system(t);
    t->xattr_list.used = n > 0 ? (size_t)n : 0;
    return OCITAR_OK;
}

/* The pairs point into the text, which stands still only now. */
static void ocitar_i_tree_xattr_point(ocitar_i_tree *t)
{
    ocitar_pair *pair = (ocitar_pair *)t->xattrs.memory;
    const char *text = (const char *)t->xattr_text.memory;
    size_t i;

    for (i = 0; i < t->xattrs.used / sizeof *pair; i++) {
        pair[i].key = text;
        pair[i].value = text + pair[i].key_len;
        text = pair[i].value + pair[i].value_len + 1;
    }
}

/* The attributes of the entry `name`; `fd` is open on it, or -1: links and
   devices are reached through /proc, if that is there. */
static int ocitar_i_tree_xattrs(ocitar_i_tree *t, int fd, const char *name)
{
    char path[320];
    size_t at = 0;
    int e;

    t->xattrs.used = 0;
    t->xattr_text.used = 0;
    if (t->desc->no_xattrs)
        return OCITAR_OK;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d/%.255s", t->directory,
                   name);
    e = ocitar_i_tree_xattr_list(t, fd, path);
    while (e == OCITAR_OK && at < t->xattr_list.used) {
        const char *key = (const char *)t->xattr_list.memory + at;

        at += ocitar_i_bytes_length(key, 0) + 1;
        if (ocitar_i_tree_xattr_kept(key))
            e = ocitar_i_tree_xattr_add(t, fd, path, key);
    }
    if (t->xattrs.used > 0)
        ocitar_i_tree_xattr_point(t);
    return e;
}
#else
static int ocitar_i_tree_xattrs(ocitar_i_tree *t, int fd, const char *name)
{
    (void)t;
    (void)fd;
    (void)name;
    return OCITAR_OK;
}
#endif

/* The slot of a file of several names, its own or a free one. */
static ocitar_i_tree_link *ocitar_i_tree_slot(ocitar_i_tree_link *v,
                                              size_t count, dev_t dev,
                                              ino_t ino)
{
    uint64_t hash = ((uint64_t)ino ^ (uint64_t)dev << 32) *
                    0x9E3779B97F4A7C15u;
    size_t at = (size_t)(hash >> 32) & (count - 1);

    while (v[at].name != 0 && (v[at].ino != ino || v[at].dev != dev))
        at = (at + 1) & (count - 1);
    return &v[at];
}

/* Doubles the table when half of it is taken. */
static int ocitar_i_tree_links_grow(ocitar_i_tree *t)
{
    const ocitar_allocator *heap = t->desc->allocator;
    ocitar_i_tree_link *old = (ocitar_i_tree_link *)t->links.memory, *v;
    size_t count = t->links.size / sizeof *old;
    size_t more = count == 0 ? 64 : 2 * count, i;

    if (2 * t->link_count < count)
        return OCITAR_OK;
    if (more > SIZE_MAX / 4 / sizeof *v)
        return OCITAR_E_MEMORY;
    v = (ocitar_i_tree_link *)heap->resize_fn(heap->user, NULL, 0,
                                              more * sizeof *v);
    if (v == NULL)
        return OCITAR_E_MEMORY;
    OCITAR_MEMSET(v, 0, more * sizeof *v);
    for (i = 0; i < count; i++)
        if (old[i].name != 0)
            *ocitar_i_tree_slot(v, more, old[i].dev, old[i].ino) = old[i];
    ocitar_i_vector_free(t, &t->links);
    t->links.memory = v;
    t->links.size = more * sizeof *v;
    return OCITAR_OK;
}

/* Looks a file of several names up; its first name, or NULL and it is kept. */
static int ocitar_i_tree_first_name(ocitar_i_tree *t, const struct stat *st,
                                    const char **name)
{
    ocitar_i_tree_link *link;
    int e = ocitar_i_tree_links_grow(t);

    *name = NULL;
    if (e != OCITAR_OK)
        return e;
    link = ocitar_i_tree_slot((ocitar_i_tree_link *)t->links.memory,
                              t->links.size / sizeof *link, st->st_dev,
                              st->st_ino);
    if (link->name != 0) {
        *name = (const char *)t->link_names.memory + link->name - 1;
        return OCITAR_OK;
    }
    link->dev = st->st_dev;
    link->ino = st->st_ino;
    link->name = t->link_names.used + 1;
    t->link_count++;
    return ocitar_i_vector_add(t, &t->link_names, t->path.memory,
                               t->path.used);
}

/* Was the file written to between two looks at it? Nanoseconds where the
   system has them: a second is long. */
static int ocitar_i_tree_same(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtime == b->st_mtime &&
#ifdef __linux__
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
#endif
           a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* The bytes of an open file, exactly as many as its stat said. */
static int ocitar_i_tree_body(ocitar_i_tree *t, int file,
                              const struct stat *before)
{
    const ocitar_tree_desc *d = t->desc;
    uint64_t left = (uint64_t)before->st_size;
    struct stat after;
    ocitar_fd fd;
    size_t n = 0;
    int e = OCITAR_OK;

    fd.descriptor = file;
    fd.start = 0;
    while (e == OCITAR_OK && left > 0) {
        t->code = ocitar_i_fd_get(&fd, d->buffer, d->buffer_size, &n);
        if (t->code != 0)
            return OCITAR_E_SYSTEM;
        if (n > left || n == 0)
            return OCITAR_E_CHANGED;
        e = ocitar_layer_write(t->layer, d->buffer, n);
        left -= n;
    }
    if (e == OCITAR_OK && fstat(file, &after) != 0)
        e = ocitar_i_tree_system(t);
    else if (e == OCITAR_OK && !ocitar_i_tree_same(before, &after))
        e = OCITAR_E_CHANGED;
    return e;
}

/* Its stat, once it is open: of what it was in the directory, a file or a
   directory, and of what an earlier look has `seen`, if there was one. */
static int ocitar_i_tree_opened(ocitar_i_tree *t, int fd,
                                const struct stat *seen, mode_t type,
                                struct stat *st)
{
    if (fstat(fd, st) != 0)
        return ocitar_i_tree_system(t);
    if ((st->st_mode & S_IFMT) != type ||
        (seen != NULL &&
         (st->st_ino != seen->st_ino || st->st_dev != seen->st_dev)))
        return OCITAR_E_CHANGED;
    return OCITAR_OK;
}

static int ocitar_i_tree_symlink(ocitar_i_tree *t, const char *name,
                                 const struct stat *st)
{
    size_t want = 256;
    ssize_t n;
    int e;

    do {
        e = ocitar_i_vector_room(t, &t->target, want);
        if (e != OCITAR_OK)
            return e;
        n = readlinkat(t->directory, name, (char *)t->target.memory,
                       t->target.size);
        if (n < 0)
            return ocitar_i_tree_system(t);
        want = 2 * t->target.size;
    } while ((size_t)n >= t->target.size);
    ((char *)t->target.memory)[n] = 0;
    e = ocitar_i_tree_xattrs(t, -1, name);
    return e != OCITAR_OK
               ? e
               : ocitar_i_tree_entry(t, st, '2',
                                     (const char *)t->target.memory);
}

/* What is neither file nor directory; it may have several names, too. */
static int ocitar_i_tree_special(ocitar_i_tree *t, const char *name,
                                 const struct stat *st)
{
    const char *first = NULL;
    int e = OCITAR_OK;

    if (st->st_nlink > 1)
        e = ocitar_i_tree_first_name(t, st, &first);
    if (e != OCITAR_OK)
        return e;
    if (first != NULL)
        return ocitar_i_tree_entry(t, st, '1', first);
    if (S_ISLNK(st->st_mode))
        return ocitar_i_tree_symlink(t, name, st);
    e = ocitar_i_tree_xattrs(t, -1, name);
    if (e != OCITAR_OK)
        return e;
    return ocitar_i_tree_entry(t, st,
                               S_ISCHR(st->st_mode)   ? '3'
                               : S_ISBLK(st->st_mode) ? '4'
                                                      : '6',
                               NULL);
}

/* Without `seen` it is a file as far as the directory tells. Under fakeroot and
   pseudo devices are files there, and only a stat says what they stand for. */
static int ocitar_i_tree_file(ocitar_i_tree *t, const char *name,
                              const struct stat *seen)
{
    const char *first = NULL;
    struct stat st;
    int e, fd;

    fd = openat(t->directory, name,
                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return ocitar_i_tree_system(t);
    e = ocitar_i_tree_opened(t, fd, seen, S_IFREG, &st);
    if (e == OCITAR_E_CHANGED && seen == NULL &&
        (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))) {
        close(fd);
        return ocitar_i_tree_special(t, name, &st);
    }
    if (e == OCITAR_OK && st.st_nlink > 1)
        e = ocitar_i_tree_first_name(t, &st, &first);
    if (e == OCITAR_OK && first != NULL) {
        e = ocitar_i_tree_entry(t, &st, '1', first);
        close(fd);
        return e;
    }
    if (e == OCITAR_OK)
        e = ocitar_i_tree_xattrs(t, fd, name);
    if (e == OCITAR_OK)
        e = ocitar_i_tree_entry(t, &st, '0', NULL);
    if (e == OCITAR_OK)
        e = ocitar_i_tree_body(t, fd, &st);
    close(fd);
    return e;
}

static int ocitar_i_tree_enter(ocitar_i_tree *t, const char *name,
                               const struct stat *seen)
{
    struct stat st;
    int fd, e;

    t->path.used--; /* its NUL becomes a slash */
    e = ocitar_i_vector_add(t, &t->path, "/", 2);
    if (e != OCITAR_OK)
        return e;
    fd = openat(t->directory, name,
                O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return ocitar_i_tree_system(t);
    e = ocitar_i_tree_opened(t, fd, seen, S_IFDIR, &st);
    if (e == OCITAR_OK)
        e = ocitar_i_tree_xattrs(t, fd, name);
    if (e == OCITAR_OK)
        e = ocitar_i_tree_entry(t, &st, '5', NULL);
    if (e == OCITAR_OK)
        return ocitar_i_tree_push(t, fd, &st, t->path.used - 1);
    close(fd);
    return e;
}

/* Does a pattern fit a whole text? At a mismatch the last '*' takes one byte
   more, and if it must not, the last "**". */
static int ocitar_i_tree_fits(const char *p, const char *s)
{
    const char *one = NULL, *one_at = NULL, *all = NULL, *all_at = NULL;

    for (;;) {
        if (*p == '*' && p[1] == '*') {
            all = p += 2, all_at = s;
            one = NULL;
        } else if (*p == '*') {
            one = ++p, one_at = s;
        } else if (*s != 0 && (*p == *s || (*p == '?' && *s != '/'))) {
            p++, s++;
        } else if (*p == 0 && *s == 0) {
            return 1;
        } else if (one != NULL && *one_at != 0 && *one_at != '/') {
            p = one, s = ++one_at;
        } else if (all != NULL && *all_at != 0) {
            p = all, s = ++all_at;
            one = NULL;
        } else {
            return 0;
        }
    }
}

/* Is the current entry to be left out? */
static int ocitar_i_tree_excluded(const ocitar_i_tree *t, const char *name)
{
    size_t i;

    for (i = 0; i < t->desc->exclude_count; i++) {
        const char *p = t->desc->exclude[i];
        int path = ocitar_i_bytes_has(p, ocitar_i_bytes_length(p, 0), '/');

        if (ocitar_i_tree_fits(
                p + (p[0] == '/'),
                path ? (const char *)t->path.memory : name))
            return 1;
    }
    return 0;
}

/* One entry of the current directory, by its name in the arena. */
static int ocitar_i_tree_visit(ocitar_i_tree *t, size_t name_at)
{
    const char *name = (const char *)t->names.memory + name_at;
    struct stat st;
    int e;

    t->path.used = ocitar_i_tree_top(t)->path_len;
    e = ocitar_i_vector_add(t, &t->path, name,
                            ocitar_i_bytes_length(name, 0) + 1);
    if (e != OCITAR_OK)
        return e;
    if (ocitar_i_tree_excluded(t, name))
        return OCITAR_OK;
    if (name[-1] != 0) {
        e = ocitar_i_tree_notify(t, OCITAR_TREE_ENTRY, 0);
        if (e == OCITAR_OK)
            e = name[-1] == '5' ? ocitar_i_tree_enter(t, name, NULL)
                                : ocitar_i_tree_file(t, name, NULL);
        return e;
    }
    if (fstatat(t->directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return ocitar_i_tree_system(t);
    if (S_ISSOCK(st.st_mode))
        return ocitar_i_tree_notify(t, OCITAR_TREE_SKIPPED, 0);
    e = ocitar_i_tree_notify(t, OCITAR_TREE_ENTRY, 0);
    if (e != OCITAR_OK)
        return e;
    if (S_ISDIR(st.st_mode))
        return ocitar_i_tree_enter(t, name, &st);
    if (S_ISREG(st.st_mode))
        return ocitar_i_tree_file(t, name, &st);
    return ocitar_i_tree_special(t, name, &st);
}

/* The entry of the directory itself. */
static int ocitar_i_tree_root(ocitar_i_tree *t, int fd, const struct stat *st)
{
    int e = ocitar_i_tree_xattrs(t, fd, ".");

    if (e == OCITAR_OK)
        e = ocitar_i_vector_add(t, &t->path, "./", 3);
    if (e == OCITAR_OK)
        e = ocitar_i_tree_entry(t, st, '5', NULL);
    t->path.used = 0;
    return e;
}

static int ocitar_i_tree_walk(ocitar_i_tree *t)
{
    ocitar_i_tree_frame *f;
    struct stat st;
    size_t name;
    int e, fd = open(t->desc->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return ocitar_i_tree_system(t);
    e = fstat(fd, &st) != 0 ? ocitar_i_tree_system(t) : (int)OCITAR_OK;
    if (e == OCITAR_OK && t->desc->with_root)
        e = ocitar_i_tree_root(t, fd, &st);
    if (e != OCITAR_OK) {
        close(fd);
        return e;
    }
    e = ocitar_i_tree_push(t, fd, &st, 0);
    while (e == OCITAR_OK && t->frames.used > 0) {
        f = ocitar_i_tree_top(t);
        if (f->order_at == t->order.used / sizeof(size_t)) {
            e = ocitar_i_tree_pop(t);
        } else {
            name = ((const size_t *)t->order.memory)[f->order_at++];
            e = ocitar_i_tree_visit(t, name);
        }
    }
    return e;
}

OCITAR_API int ocitar_layer_tree(ocitar_layer *layer,
                                 const ocitar_tree_desc *desc)
{
    ocitar_i_tree t;
    int e = ocitar_i_layer_check(layer), code;

    if (e != OCITAR_OK)
        return e;
    if (desc == NULL || desc->path == NULL || desc->allocator == NULL ||
        desc->buffer == NULL || desc->buffer_size < 512 ||
        (desc->exclude == NULL && desc->exclude_count > 0))
        return ocitar_i_blob_torn(
            &layer->blob,
            ocitar_i_layer_fail(layer, OCITAR_E_ARG, "layer tree"));
    OCITAR_MEMSET(&t, 0, sizeof t);
    t.layer = layer;
    t.desc = desc;
    t.directory = -1;
    e = ocitar_i_tree_walk(&t);
    code = e == OCITAR_E_SYSTEM || e == OCITAR_E_SOURCE ? t.code : 0;
    if (layer->blob.node.error != 0) /* it was the writing that failed */
        code = ocitar_i_node_root(&layer->blob.node)->error.user_code;
    if (e != OCITAR_OK) {
        if (e != OCITAR_E_SOURCE)
            ocitar_i_tree_notify(&t, OCITAR_TREE_FAILED, code);
        e = ocitar_i_node_fail(&layer->blob.node, e, code, "layer tree");
        ocitar_i_blob_torn(&layer->blob, e);
    }
    if (t.directory >= 0)
        close(t.directory);
    ocitar_i_vector_free(&t, &t.path);
    ocitar_i_vector_free(&t, &t.names);
    ocitar_i_vector_free(&t, &t.order);
    ocitar_i_vector_free(&t, &t.frames);
    ocitar_i_vector_free(&t, &t.links);
    ocitar_i_vector_free(&t, &t.link_names);
    ocitar_i_vector_free(&t, &t.target);
    ocitar_i_vector_free(&t, &t.xattrs);
    ocitar_i_vector_free(&t, &t.xattr_list);
    ocitar_i_vector_free(&t, &t.xattr_text);
    return e;
}

#endif /* OCITAR_I_IMAGES */

#ifdef __cplusplus
}
#endif

#endif /* OCITAR_NO_HOSTED */
#endif /* OCITAR_IMPLEMENTED */
#endif /* OCITAR_IMPLEMENTATION */

/* ---- licence -----------------------------------------------------------

   This software is available under two licences: choose whichever you like.

   A. Public domain (www.unlicense.org). This is free and unencumbered
   software released into the public domain. Anyone is free to copy, modify,
   publish, use, compile, sell, or distribute this software, either in source
   code form or as a compiled binary, for any purpose, commercial or
   non-commercial, and by any means.

   In jurisdictions that recognize copyright laws, the author or authors of
   this software dedicate any and all copyright interest in the software to
   the public domain. We make this dedication for the benefit of the public
   at large and to the detriment of our heirs and successors. We intend this
   dedication to be an overt act of relinquishment in perpetuity of all
   present and future rights to this software under copyright law.

   B. MIT No Attribution (MIT-0), Copyright (c) 2026 the ocitar authors.
   Permission is hereby granted, free of charge, to any person obtaining a
   copy of this software and associated documentation files (the "Software"),
   to deal in the Software without restriction, including without limitation
   the rights to use, copy, modify, merge, publish, distribute, sublicense,
   and/or sell copies of the Software, and to permit persons to whom the
   Software is furnished to do so.

   In both cases: THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY
   KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
   MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN
   NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
   DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
   OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE
   USE OR OTHER DEALINGS IN THE SOFTWARE.                                  */
