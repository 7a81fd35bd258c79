#define OCITAR_IMPLEMENTATION
#include "ocitar.h"
