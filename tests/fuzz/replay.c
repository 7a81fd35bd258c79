/* replay FILE... - runs a fuzz target over files, without a fuzzer. */

#include "fuzz.h"

int main(int argc, char **argv)
{
    static uint8_t data[1 << 20];
    int i, passed = 0;

    for (i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        size_t n = f == NULL ? 0 : fread(data, 1, sizeof data, f);

        if (f == NULL) {
            perror(argv[i]);
            return 1;
        }
        fclose(f);
        LLVMFuzzerTestOneInput(data, n);
        passed++;
    }
    printf("%d passed, 0 failed\n", passed);
    return 0;
}
