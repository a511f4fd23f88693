/* SHA-256 (FIPS 180-4), since a page opened from a file or by http has no crypto.subtle. */
(function () {
  "use strict";

  /** The first 32 bits of the fraction of a root of each of the first `n` primes. */
  function fractions(n, root) {
    const primes = [];
    for (let p = 2; primes.length < n; p++) if (primes.every((q) => p % q)) primes.push(p);
    return Uint32Array.from(primes, (p) => (root(p) % 1) * 4294967296);
  }

  const K = fractions(64, Math.cbrt), START = fractions(8, Math.sqrt);
  const turn = (x, n) => (x >>> n) | (x << (32 - n));

  /** The bytes with a 1, zeros and their length in bits behind them: whole chunks of 64. */
  function padded(bytes) {
    const out = new DataView(new ArrayBuffer(64 * Math.ceil((bytes.length + 9) / 64)));
    new Uint8Array(out.buffer).set([...bytes, 0x80]);
    out.setBigUint64(out.byteLength - 8, BigInt(8 * bytes.length));
    return out;
  }

  function schedule(chunk, at) {
    const w = new Uint32Array(64);
    for (let i = 0; i < 16; i++) w[i] = chunk.getUint32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15], y = w[i - 2];
      w[i] = w[i - 16] + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) + w[i - 7]
        + (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10));
    }
    return w;
  }

  /** The eight words of the hash of a Uint8Array. */
  function sha256(bytes) {
    const data = padded(bytes), hash = START.slice();
    for (let at = 0; at < data.byteLength; at += 64) {
      const w = schedule(data, at);
      let [a, b, c, d, e, f, g, h] = hash;
      for (let i = 0; i < 64; i++) {
        const s = (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + h + K[i] + w[i];
        const t = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        [h, g, f, e, d, c, b, a] = [g, f, e, (d + s) | 0, c, b, a, (s + t) | 0];
      }
      [a, b, c, d, e, f, g, h].forEach((word, i) => { hash[i] += word; });
    }
    return hash;
  }

  window.minidrop = Object.assign(window.minidrop || {}, { sha256 });
})();
