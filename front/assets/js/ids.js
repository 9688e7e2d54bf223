// Idempotency keys. A version 7 UUID says when it was made, so that the server can refuse one that is older than its memory of
// repeats instead of executing it twice. `crypto.randomUUID` needs a secure context, `getRandomValues` does not.

function text(bytes) {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function random(version) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | (version << 4);
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes;
}

/** A fresh UUID of version 7. */
export function uuidV7() {
  const bytes = random(7);
  let ms = Date.now();
  for (let index = 5; index >= 0; index -= 1) {
    bytes[index] = ms % 256;
    ms = Math.floor(ms / 256);
  }
  return text(bytes);
}

/** A fresh UUID of version 4: for a machine whose clock is so wrong that its version 7 ids are refused as old. */
export const uuidV4 = () => text(random(4));
