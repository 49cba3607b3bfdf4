// The contract of devices, kept by AF_PACKET: all of it, on a pair of virtual interfaces in a namespace that is gone
// with the program.

import {testDevice} from './device-contract.ts';

testDevice('af_packet', 17);
