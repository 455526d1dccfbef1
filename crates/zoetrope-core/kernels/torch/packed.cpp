// The handle by which a model owns its packed weights.
#include "packed.h"

#include "../abi.h"

extern "C" {

zt_message zt_packed_new(zt_packed** packed) {
  return zt_guard([&] { *packed = new zt_packed; });
}

void zt_packed_free(zt_packed* packed) { delete packed; }
}
