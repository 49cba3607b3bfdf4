// The line that tells people why a call was refused.
#ifndef COSCANET_REPORT_H
#define COSCANET_REPORT_H

#include "abi/shim_protocol.h"
#include "address.h"

// Writes one line to stderr if that is a terminal or COSCANET_VERBOSE=1. Never blocks, never raises SIGPIPE.
void report_refusal(const char* call, const struct address_copy* wanted,
                    const struct coscanet_answer* answer);

#endif
