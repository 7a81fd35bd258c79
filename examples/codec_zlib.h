/* codec_zlib.h - gzip for the layers of ocitar.h, with zlib (-lz).

   codec_zlib_compress makes an ocitar_codec that compresses, for
   OCITAR_RAW_NONE and OCITAR_RAW_TAR; codec_zlib_decompress one that finds
   the diffID of a layer that is compressed, for OCITAR_RAW_BLOB. One
   codec_zlib serves one layer at a time, and any number one after another.
   Outside this struct only zlib itself takes memory: about 270 KiB to
   compress, 40 KiB to decompress.

   The same bytes in the same pieces, the same level and the same zlib give
   the same output: there is no time, name or system in it. */

#ifndef CODEC_ZLIB_H
#define CODEC_ZLIB_H

#include "ocitar.h"

#ifndef ZLIB_CONST
#define ZLIB_CONST /* zlib's input pointer is one to const */
#endif
#include <limits.h>
#include <string.h>
#include <zlib.h>

/* user_code of OCITAR_E_CODEC */
enum {
    CODEC_ZLIB_CORRUPT = 1, /* the input is no gzip, or damaged or cut short,
                               or something follows it */
    CODEC_ZLIB_MEMORY = 2,  /* out of memory */
    CODEC_ZLIB_OTHER = 3    /* a level that is none, or another zlib than
                               this was compiled for */
};

/* Yours to place, not to touch. */
typedef struct codec_zlib {
    z_stream stream;
    gz_header header;
    int level;
    int whole; /* decompressing: a member has just ended */
    unsigned char out[16384];
} codec_zlib;

/* A function that takes output, and what it is called with. */
typedef int codec_zlib_put(void *user, const void *data, size_t len);

static inline int codec_zlib_code(int code)
{
    switch (code) {
    case Z_OK:
    case Z_STREAM_END:
    case Z_BUF_ERROR: /* no input or no room: not an error */
        return 0;
    case Z_MEM_ERROR:
        return CODEC_ZLIB_MEMORY;
    case Z_DATA_ERROR:
    case Z_NEED_DICT:
        return CODEC_ZLIB_CORRUPT;
    default:
        return CODEC_ZLIB_OTHER;
    }
}

static inline void codec_zlib_room(codec_zlib *z)
{
    z->stream.next_out = z->out;
    z->stream.avail_out = (uInt)sizeof z->out;
}

static inline int codec_zlib_flush(codec_zlib *z, codec_zlib_put *put_fn,
                                   void *put_user)
{
    size_t len = sizeof z->out - z->stream.avail_out;

    return len == 0 ? 0 : put_fn(put_user, z->out, len);
}

/* zlib counts in unsigned int: takes what it can of the input. */
static inline size_t codec_zlib_input(codec_zlib *z, const void *data,
                                      size_t len)
{
    z->stream.next_in = (const Bytef *)data;
    z->stream.avail_in = len < UINT_MAX ? (uInt)len : UINT_MAX;
    return z->stream.avail_in;
}

/* ---- compressing ------------------------------------------------------- */

static inline int codec_zlib_deflate_begin(void *user)
{
    codec_zlib *z = (codec_zlib *)user;
    int code;

    memset(&z->stream, 0, sizeof z->stream);
    memset(&z->header, 0, sizeof z->header);
    z->header.os = 255; /* unknown */
    code = deflateInit2(&z->stream, z->level, Z_DEFLATED, 31, 8,
                        Z_DEFAULT_STRATEGY); /* 31: gzip, 32 KiB window */
    if (code == Z_OK) {
        code = deflateSetHeader(&z->stream, &z->header);
        if (code != Z_OK)
            deflateEnd(&z->stream);
    }
    return codec_zlib_code(code);
}

static inline int codec_zlib_deflate_run(codec_zlib *z, int flush,
                                         codec_zlib_put *put_fn,
                                         void *put_user)
{
    int code;

    do {
        codec_zlib_room(z);
        code = codec_zlib_code(deflate(&z->stream, flush));
        if (code == 0)
            code = codec_zlib_flush(z, put_fn, put_user);
    } while (code == 0 && z->stream.avail_out == 0);
    return code;
}

static inline int codec_zlib_deflate_write(void *user, const void *data,
                                           size_t len, codec_zlib_put *put_fn,
                                           void *put_user)
{
    codec_zlib *z = (codec_zlib *)user;
    const unsigned char *at = (const unsigned char *)data;
    size_t taken;
    int code = 0;

    for (; code == 0 && len > 0; at += taken, len -= taken) {
        taken = codec_zlib_input(z, at, len);
        code = codec_zlib_deflate_run(z, Z_NO_FLUSH, put_fn, put_user);
    }
    return code;
}

static inline int codec_zlib_deflate_end(void *user, codec_zlib_put *put_fn,
                                         void *put_user)
{
    codec_zlib *z = (codec_zlib *)user;
    int code = 0;

    if (put_fn != NULL) {
        codec_zlib_input(z, NULL, 0);
        code = codec_zlib_deflate_run(z, Z_FINISH, put_fn, put_user);
    }
    deflateEnd(&z->stream);
    return code;
}

/* `level` 0 (stored) to 9 (smallest); 6 is usual. */
static inline void codec_zlib_compress(codec_zlib *z, int level,
                                       ocitar_codec *out)
{
    z->level = level;
    out->media_type = "application/vnd.oci.image.layer.v1.tar+gzip";
    out->begin_fn = codec_zlib_deflate_begin;
    out->write_fn = codec_zlib_deflate_write;
    out->end_fn = codec_zlib_deflate_end;
    out->user = z;
}

/* ---- decompressing ----------------------------------------------------- */

static inline int codec_zlib_inflate_begin(void *user)
{
    codec_zlib *z = (codec_zlib *)user;

    memset(&z->stream, 0, sizeof z->stream);
    z->whole = 0;
    return codec_zlib_code(inflateInit2(&z->stream, 31)); /* only gzip */
}

static inline int codec_zlib_inflate_run(codec_zlib *z, codec_zlib_put *put_fn,
                                         void *put_user)
{
    int code, state;

    do {
        if (z->whole && z->stream.avail_in > 0) { /* one more member */
            inflateReset(&z->stream);
            z->whole = 0;
        }
        codec_zlib_room(z);
        state = inflate(&z->stream, Z_NO_FLUSH);
        code = codec_zlib_code(state);
        if (code == 0)
            code = codec_zlib_flush(z, put_fn, put_user);
        z->whole = state == Z_STREAM_END;
    } while (code == 0 && (z->stream.avail_in > 0 ||
                           (z->stream.avail_out == 0 && !z->whole)));
    return code;
}

static inline int codec_zlib_inflate_write(void *user, const void *data,
                                           size_t len, codec_zlib_put *put_fn,
                                           void *put_user)
{
    codec_zlib *z = (codec_zlib *)user;
    const unsigned char *at = (const unsigned char *)data;
    size_t taken;
    int code = 0;

    for (; code == 0 && len > 0; at += taken, len -= taken) {
        taken = codec_zlib_input(z, at, len);
        code = codec_zlib_inflate_run(z, put_fn, put_user);
    }
    return code;
}

static inline int codec_zlib_inflate_end(void *user, codec_zlib_put *put_fn,
                                         void *put_user)
{
    codec_zlib *z = (codec_zlib *)user;

    (void)put_user; /* all is out already */
    inflateEnd(&z->stream);
    return put_fn == NULL || z->whole ? 0 : (int)CODEC_ZLIB_CORRUPT;
}

/* Of one member or several, with nothing behind them. */
static inline void codec_zlib_decompress(codec_zlib *z, ocitar_codec *out)
{
    out->media_type = "application/vnd.oci.image.layer.v1.tar+gzip";
    out->begin_fn = codec_zlib_inflate_begin;
    out->write_fn = codec_zlib_inflate_write;
    out->end_fn = codec_zlib_inflate_end;
    out->user = z;
}

#endif
