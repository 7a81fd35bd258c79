/* The library, compiled once for all test programs. */

#define OCITAR_IMPLEMENTATION
#include "ocitar.h"
