// The internet checksum (RFC 1071) once more, on purpose by another way than the product's: modulo 65535.

function sumOfWords(data: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < data.length; at += 2) sum += data[at]! * 256 + (data[at + 1] ?? 0);
  return sum;
}

/** One's complement sum, 16 bits: 0 only for data that is all zero. */
export function foldedSum(...parts: Uint8Array[]): number {
  const sum = sumOfWords(Buffer.concat(parts));
  return sum % 0xffff || (sum > 0 ? 0xffff : 0);
}

/** The value for a checksum field that is still 0. */
export function internetChecksum(...parts: Uint8Array[]): number {
  return 0xffff - foldedSum(...parts);
}

/** Is the checksum within the data the right one? */
export function isChecksumRight(...parts: Uint8Array[]): boolean {
  return foldedSum(...parts) === 0xffff;
}

/** What TCP and UDP add to their own bytes (RFC 9293 §3.1). */
export function pseudoHeader(
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  length: number,
): Buffer {
  return Buffer.from([...source, ...destination, 0, protocol, length >> 8, length & 0xff]);
}
