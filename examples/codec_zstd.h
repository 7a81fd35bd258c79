/* codec_zstd.h - zstd for the layers of ocitar.h, with libzstd (-lzstd).

   codec_zstd_compress makes an ocitar_codec that compresses, for
   OCITAR_RAW_NONE and OCITAR_RAW_TAR; codec_zstd_decompress one that finds
   the diffID of a layer that is compressed, for OCITAR_RAW_BLOB. One
   codec_zstd serves one layer at a time, and any number one after another.
   Outside this struct only libzstd itself takes memory: to compress, by the
   level, 4 MiB (3) to 90 MiB (19); to decompress, what the frame's window
   asks for, at most 128 MiB.

   The same bytes in the same pieces, the same level and the same libzstd give
   the same output. */

#ifndef CODEC_ZSTD_H
#define CODEC_ZSTD_H

#include "ocitar.h"

#include <zstd.h>
#include <zstd_errors.h>

/* user_code of OCITAR_E_CODEC */
enum {
    CODEC_ZSTD_CORRUPT = 1, /* the input is no zstd, or damaged or cut short,
                               or something follows it */
    CODEC_ZSTD_MEMORY = 2,  /* out of memory */
    CODEC_ZSTD_OTHER = 3,   /* a level that is none, or libzstd's trouble */
    CODEC_ZSTD_WINDOW = 4   /* the input wants a window of over 128 MiB */
};

/* Yours to place, not to touch. */
typedef struct codec_zstd {
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *decompressor;
    int level;
    int whole; /* decompressing: a frame has just ended */
    unsigned char out[16384];
} codec_zstd;

/* A function that takes output, and what it is called with. */
typedef int codec_zstd_put(void *user, const void *data, size_t len);

/* The code for what libzstd returned while it compressed. */
static inline int codec_zstd_code(size_t result)
{
    if (!ZSTD_isError(result))
        return 0;
    return ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation
               ? (int)CODEC_ZSTD_MEMORY
               : (int)CODEC_ZSTD_OTHER;
}

/* The same while it decompressed, where most errors are the input's. */
static inline int codec_zstd_input_code(size_t result)
{
    if (!ZSTD_isError(result))
        return 0;
    switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_memory_allocation:
        return CODEC_ZSTD_MEMORY;
    case ZSTD_error_frameParameter_windowTooLarge:
        return CODEC_ZSTD_WINDOW;
    default:
        return CODEC_ZSTD_CORRUPT;
    }
}

/* ---- compressing ------------------------------------------------------- */

static inline int codec_zstd_compress_begin(void *user)
{
    codec_zstd *z = (codec_zstd *)user;
    int code;

    z->compressor = ZSTD_createCCtx();
    if (z->compressor == NULL)
        return CODEC_ZSTD_MEMORY;
    code = codec_zstd_code(ZSTD_CCtx_setParameter(
        z->compressor, ZSTD_c_compressionLevel, z->level));
    if (code == 0)
        code = codec_zstd_code(
            ZSTD_CCtx_setParameter(z->compressor, ZSTD_c_checksumFlag, 1));
    if (code != 0)
        ZSTD_freeCCtx(z->compressor);
    return code;
}

static inline int codec_zstd_compress_run(codec_zstd *z, const void *data,
                                          size_t len, ZSTD_EndDirective end,
                                          codec_zstd_put *put_fn,
                                          void *put_user)
{
    ZSTD_inBuffer in;
    ZSTD_outBuffer out;
    size_t left;
    int code;

    in.src = data;
    in.size = len;
    in.pos = 0;
    out.dst = z->out;
    out.size = sizeof z->out;
    do {
        out.pos = 0;
        left = ZSTD_compressStream2(z->compressor, &out, &in, end);
        code = codec_zstd_code(left);
        if (code == 0 && out.pos > 0)
            code = put_fn(put_user, z->out, out.pos);
    } while (code == 0 &&
             (in.pos < in.size || (end == ZSTD_e_end && left > 0)));
    return code;
}

static inline int codec_zstd_compress_write(void *user, const void *data,
                                            size_t len, codec_zstd_put *put_fn,
                                            void *put_user)
{
    return codec_zstd_compress_run((codec_zstd *)user, data, len,
                                   ZSTD_e_continue, put_fn, put_user);
}

static inline int codec_zstd_compress_end(void *user, codec_zstd_put *put_fn,
                                          void *put_user)
{
    codec_zstd *z = (codec_zstd *)user;
    int code = 0;

    if (put_fn != NULL)
        code = codec_zstd_compress_run(z, NULL, 0, ZSTD_e_end, put_fn,
                                       put_user);
    ZSTD_freeCCtx(z->compressor);
    return code;
}

/* `level` 1 to 19, or what else libzstd has; 3 is usual. */
static inline void codec_zstd_compress(codec_zstd *z, int level,
                                       ocitar_codec *out)
{
    z->level = level;
    out->media_type = "application/vnd.oci.image.layer.v1.tar+zstd";
    out->begin_fn = codec_zstd_compress_begin;
    out->write_fn = codec_zstd_compress_write;
    out->end_fn = codec_zstd_compress_end;
    out->user = z;
}

/* ---- decompressing ----------------------------------------------------- */

static inline int codec_zstd_decompress_begin(void *user)
{
    codec_zstd *z = (codec_zstd *)user;

    z->whole = 0;
    z->decompressor = ZSTD_createDCtx();
    return z->decompressor != NULL ? 0 : (int)CODEC_ZSTD_MEMORY;
}

static inline int codec_zstd_decompress_write(void *user, const void *data,
                                              size_t len,
                                              codec_zstd_put *put_fn,
                                              void *put_user)
{
    codec_zstd *z = (codec_zstd *)user;
    ZSTD_inBuffer in;
    ZSTD_outBuffer out;
    size_t left;
    int code = 0;

    in.src = data;
    in.size = len;
    in.pos = 0;
    out.dst = z->out;
    out.size = sizeof z->out;
    out.pos = 0;
    while (code == 0 && (in.pos < in.size ||
                         (out.pos == out.size && !z->whole))) {
        out.pos = 0;
        left = ZSTD_decompressStream(z->decompressor, &out, &in);
        code = codec_zstd_input_code(left);
        z->whole = left == 0; /* the frame is complete, and out */
        if (code == 0 && out.pos > 0)
            code = put_fn(put_user, z->out, out.pos);
    }
    return code;
}

static inline int codec_zstd_decompress_end(void *user, codec_zstd_put *put_fn,
                                            void *put_user)
{
    codec_zstd *z = (codec_zstd *)user;

    (void)put_user; /* all is out already */
    ZSTD_freeDCtx(z->decompressor);
    return put_fn == NULL || z->whole ? 0 : (int)CODEC_ZSTD_CORRUPT;
}

/* Of one frame or several, with nothing behind them. */
static inline void codec_zstd_decompress(codec_zstd *z, ocitar_codec *out)
{
    out->media_type = "application/vnd.oci.image.layer.v1.tar+zstd";
    out->begin_fn = codec_zstd_decompress_begin;
    out->write_fn = codec_zstd_decompress_write;
    out->end_fn = codec_zstd_decompress_end;
    out->user = z;
}

#endif
