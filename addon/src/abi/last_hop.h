// Words of the table of last hops and of that of affinity reservations.
//
// last hop:    63…16 MAC, its bytes as this machine reads them | 15…14 interface | 13…0 fingerprint; 0: empty
// reservation: 63 used | 62…52 fingerprint of the client | 51…32 seconds | 31…16 generation | 15…0 endpoint
// slot
#ifndef COSCANET_ABI_LAST_HOP_H
#define COSCANET_ABI_LAST_HOP_H

#define COSCANET_LAST_HOPS 65536u
#define COSCANET_LAST_HOP_BUCKET 4u
#define COSCANET_LAST_HOP_MAC_SHIFT 16
#define COSCANET_LAST_HOP_INTERFACE_SHIFT 14

#define COSCANET_RESERVATIONS 4096u
#define COSCANET_RESERVATION_CLIENT_SHIFT 52
#define COSCANET_RESERVATION_SECONDS_SHIFT 32
#define COSCANET_RESERVATION_GENERATION_SHIFT 16

#endif
