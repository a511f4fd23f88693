/* Philox 4x64-10 and what its bits are turned into: the numbers of minidrop/noise.py, bit for bit.

   Names are those of Python.  A word of 64 bits is a pair of 32 bits, the low ones first, so that
   four words are a block of 16 halves in the order in which minidrop counts them. */
(function () {
  "use strict";
  const ROUNDS = 10, HALVES = 16, WORDS = 4, TWO32 = 4294967296;
  const KEY_STEPS = [0x9E3779B97F4A7C15n, 0xBB67AE8584CAA73Bn];
  const M0 = [0xE14C6C93, 0xD2E7470E], M1 = [0x95121157, 0xCA5A8263];

  /** The upper 32 bits of a product of two numbers of 32 bits. */
  function upper(a, b) {
    const low = a * (b & 0xffff), high = a * (b >>> 16);       // each below 2^48, so exact
    return Math.floor((high + Math.floor(low / 65536)) / 65536);
  }

  /** The 128 bits of m * (x1, x0) as four numbers in `out`, the lowest first. */
  function multiply(m, x0, x1, out) {
    const middle = upper(m[0], x0) + (Math.imul(m[0], x1) >>> 0) + (Math.imul(m[1], x0) >>> 0);
    const top = upper(m[0], x1) + upper(m[1], x0) + (Math.imul(m[1], x1) >>> 0)
      + Math.floor(middle / TWO32);
    out[0] = Math.imul(m[0], x0);
    out[1] = middle;                                            // a Uint32Array takes it mod 2^32
    out[2] = top;
    out[3] = upper(m[1], x1) + Math.floor(top / TWO32);
  }

  /** The keys of all rounds, low and high halves: two words each. */
  function round_keys(key) {
    const keys = new BigUint64Array(2 * ROUNDS);
    for (let r = 0; r < ROUNDS; r++) {
      keys[2 * r] = key[0] + BigInt(r) * KEY_STEPS[0];          // mod 2^64, as the array is
      keys[2 * r + 1] = key[1] + BigInt(r) * KEY_STEPS[1];
    }
    return new Uint32Array(keys.buffer);
  }

  const first = new Uint32Array(4), second = new Uint32Array(4);

  /** One block: eight numbers of 32 bits, written to `out` from `at` on. */
  function philox(keys, block, out, at) {
    let a0 = (block + 1) >>> 0, a1 = Math.floor((block + 1) / TWO32);    // it counts, then draws
    let b0 = 0, b1 = 0, c0 = 0, c1 = 0, d0 = 0, d1 = 0;
    for (let k = 0; k < 4 * ROUNDS; k += 4) {
      multiply(M0, a0, a1, first);
      multiply(M1, c0, c1, second);
      a0 = (second[2] ^ b0 ^ keys[k]) >>> 0;
      a1 = (second[3] ^ b1 ^ keys[k + 1]) >>> 0;
      b0 = second[0];
      b1 = second[1];
      c0 = (first[2] ^ d0 ^ keys[k + 2]) >>> 0;
      c1 = (first[3] ^ d1 ^ keys[k + 3]) >>> 0;
      d0 = first[0];
      d1 = first[1];
    }
    out.set([a0, a1, b0, b1, c0, c1, d0, d1], at);
  }

  /** The first 8 bytes of SHA-256 of a text, little-endian, as a BigInt. */
  function name_key(text) {
    const [a, b] = minidrop.sha256(new TextEncoder().encode(text));
    const bytes = new DataView(new ArrayBuffer(8));
    bytes.setUint32(0, a);
    bytes.setUint32(4, b);
    return bytes.getBigUint64(0, true);
  }

  /** Bits under the key (seed mod 2^64, hash of the name); every draw starts on a fresh block. */
  class Stream {
    constructor(seed, name = "") {
      this.key = [BigInt.asUintN(64, BigInt(seed)), name_key(name)];
      this.keys = round_keys(this.key);
      this.block = 0;
    }

    /** The next n words, a BigUint64Array. */
    words(n) {
      const start = this.reserve(Math.ceil(n / WORDS));
      return new BigUint64Array(this.made(start, Math.ceil(n / WORDS)).buffer, 0, n);
    }

    /** n numbers of 32 bits: a plane of high halves, then one of low halves. */
    bits(n) {
      const plane = Math.ceil(n / HALVES), start = this.reserve(2 * plane);
      const halves = new Uint16Array(this.made(start, 2 * plane).buffer);
      return Uint32Array.from({ length: n },
        (_, i) => halves[i] * 65536 + halves[HALVES * plane + i]);
    }

    /** bits(n) < bound for a bound in 0..2^32, at 16 bits each: the low plane only for ties. */
    below(bound, n) {
      const plane = Math.ceil(n / HALVES), start = this.reserve(2 * plane);
      const found = new Uint8Array(n), top = Math.floor(bound / 65536), rest = bound % 65536;
      if (bound === 0 || bound === TWO32) return found.fill(bound > 0 ? 1 : 0);
      const halves = new Uint16Array(this.made(start, plane).buffer);
      for (let i = 0; i < n; i++) {
        found[i] = halves[i] < top || (halves[i] === top && this.low(start + plane, i) < rest);
      }
      return found;
    }

    low(start, i) {
      const block = this.made(start + Math.floor(i / HALVES), 1);
      return new Uint16Array(block.buffer)[i % HALVES];
    }

    made(start, count) {
      const out = new Uint32Array(8 * count);
      for (let i = 0; i < count; i++) philox(this.keys, start + i, out, 8 * i);
      return out;
    }

    reserve(blocks) {
      this.block += blocks;
      return this.block - blocks;
    }
  }

  const as_stream = (rng) => (rng instanceof Stream ? rng : new Stream(rng));

  /** 1 with probability q, else 0: bits < q 2^32. */
  const bernoulli = (rng, q, n) => as_stream(rng).below(Math.ceil(q * TWO32), n);

  /** Numbers in [0, 1): the top 24 of 32 bits, times 2^-24. */
  const uniform = (rng, n) =>
    Float64Array.from(as_stream(rng).bits(n), (b) => (b >>> 8) * 2 ** -24);

  /** Whole numbers in 0..high-1, for high up to 2^32: floor(bits high / 2^32). */
  const integers = (rng, high, n) => Array.from(as_stream(rng).bits(n),
    (b) => (high === TWO32 ? b : upper(b, high)));

  /** The numbers 0..n-1 in random order: the stable order of n words. */
  function permutation(rng, n) {
    const words = as_stream(rng).words(n), order = Array.from({ length: n }, (_, i) => i);
    return order.sort((i, j) => (words[i] < words[j] ? -1 : words[i] > words[j] ? 1 : 0));
  }

  window.minidrop = Object.assign(window.minidrop || {},
    { Stream, as_stream, bernoulli, uniform, integers, permutation });
})();
