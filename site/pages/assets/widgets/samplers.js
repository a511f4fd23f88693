/* The samplers and formulas that the widgets show: names and results are those of minidrop.

   Arrays are flat, row by row.  A mask is 1 where it keeps.  What has a number in a comment is the
   equation of that tag. */
(function () {
  "use strict";
  const { Stream, as_stream, bernoulli, integers } = minidrop;
  const size = (shape) => shape.reduce((a, b) => a * b, 1);
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

  const dropout_mask = (rng, shape, p) => bernoulli(rng, 1 - p, size(shape));    // dropout.1

  const spatial_dropout_mask = (rng, shape, p) =>
    bernoulli(rng, 1 - p, shape[0] * shape[1]);                                  // spatial.1

  const dropconnect_mask = (rng, batch, w_shape, p) =>
    bernoulli(rng, 1 - p, batch * size(w_shape));                                // dropconnect.1

  // --- DropBlock ---------------------------------------------------------------------------------

  function dropblock_rate(p, block, height, width) {                             // dropblock.1
    const places = (height - block + 1) * (width - block + 1);
    return p * (height * width / (block ** 2 * places));
  }

  const dropblock_seeds = (rng, [n, channels, height, width], p, block) =>       // dropblock.2
    bernoulli(rng, dropblock_rate(p, block, height, width),
      n * channels * (height - block + 1) * (width - block + 1));

  /** The keep-mask of `shape` that blocks leave whose first corners are the seeds. */
  function dropblock_mask(seeds, [n, channels, height, width], block) {          // dropblock.3
    const rows = height - block + 1, columns = width - block + 1;
    const mask = new Uint8Array(n * channels * height * width).fill(1);
    seeds.forEach((seed, k) => {
      if (!seed) return;
      const map = Math.floor(k / (rows * columns)), at = k % (rows * columns);
      const row = map * height + Math.floor(at / columns), column = at % columns;
      for (let u = 0; u < block; u++) {
        mask.fill(0, (row + u) * width + column, (row + u) * width + column + block);
      }
    });
    return mask;
  }

  function dropblock_drop_map(p, block, height, width) {                         // dropblock.5
    const rate = dropblock_rate(p, block, height, width);
    const places = (at, n) => Math.min(at, n - block) - Math.max(at - block + 1, 0) + 1;
    return Float64Array.from({ length: height * width }, (_, i) =>
      1 - (1 - rate) ** (places(Math.floor(i / width), height) * places(i % width, width)));
  }

  // --- Cutout ------------------------------------------------------------------------------------

  function cutout_centers(rng, n, height, width) {                               // cutout.1
    const stream = as_stream(rng);
    const rows = integers(stream, height, n), columns = integers(stream, width, n);
    return rows.map((row, i) => [row, columns[i]]);
  }

  function cutout_mask(centers, length, height, width) {                         // cutout.2
    const mask = new Uint8Array(centers.length * height * width).fill(1);
    const inside = (at, n) => Math.min(Math.max(at, 0), n);
    centers.forEach(([a, b], n) => {
      const top = a - Math.floor(length / 2), left = b - Math.floor(length / 2);
      for (let i = inside(top, height); i < inside(top + length, height); i++) {
        const start = (n * height + i) * width;
        mask.fill(0, start + inside(left, width), start + inside(left + length, width));
      }
    });
    return mask;
  }

  function cutout_drop_map(length, height, width) {                              // cutout.4
    const reach = (i, n) => (Math.min(i + Math.floor(length / 2), n - 1)
      - Math.max(i - Math.floor((length - 1) / 2), 0) + 1) / n;
    return Float64Array.from({ length: height * width }, (_, k) =>
      reach(Math.floor(k / width), height) * reach(k % width, width));
  }

  /** The erased area, on average over all centres, for length up to 2 height and 2 width. */
  function cutout_area(length, height, width) {                                  // cutout.5
    const side = (n) => length - Math.floor(length ** 2 / 4) / n;
    return side(height) * side(width);
  }

  // --- Stochastic depth --------------------------------------------------------------------------

  function survival(block, blocks, q_last, rule = "paper") {
    const p = 1 - q_last;
    if (rule === "paper") return 1 - block / blocks * p;           // stochastic_depth.1
    if (rule === "linspace") return 1 - (block - 1) / Math.max(1, blocks - 1) * p;
    if (rule === "efficientnet") return 1 - (block - 1) / blocks * p;  // stochastic_depth.3
    throw new Error(`rule must be paper, linspace or efficientnet, got ${rule}`);
  }

  /** One gate for the batch, or one for each example, as an array: 1 lives. */
  const path_gate = (rng, batch, p, mode) =>                       // stochastic_depth.4
    bernoulli(rng, 1 - p, mode === "batch" ? 1 : batch);

  // --- Snapshots ---------------------------------------------------------------------------------

  function cyclic_cosine(t, total, cycles, lr0) {                                // snapshot.2
    const c = Math.ceil(total / cycles);
    return lr0 / 2 * (Math.cos(Math.PI * (((t - 1) % c) / c)) + 1);
  }

  function snapshot_steps(total, cycles) {                                       // snapshot.4
    const c = Math.ceil(total / cycles);
    return Array.from({ length: Math.ceil(total / c) }, (_, j) => Math.min((j + 1) * c, total));
  }

  const step_decay = (lr, total, milestones, factor) =>                          // lr.1
    Array.from({ length: total }, (_, t) => lr * factor ** milestones.filter((m) => m <= t).length);

  // --- Targeted dropout --------------------------------------------------------------------------

  /** Of one row of weights the floor(gamma n + 1e-9) smallest, of equal ones the first. */
  function targeted_candidates(w, gamma) {                                       // targeted.3
    const k = Math.floor(gamma * w.length + 1e-9), found = new Uint8Array(w.length);
    const order = Array.from(w, (_, i) => i).sort((i, j) => Math.abs(w[i]) - Math.abs(w[j]));
    order.slice(0, k).forEach((i) => { found[i] = 1; });
    return found;
  }

  const targeted_mask = (rng, candidates, alpha) =>                              // targeted.6
    bernoulli(rng, 1 - alpha, candidates.length).map((kept, i) => kept | (1 - candidates[i]));

  Object.assign(minidrop, {
    Stream, mean, dropout_mask, spatial_dropout_mask, dropconnect_mask, dropblock_rate,
    dropblock_seeds, dropblock_mask, dropblock_drop_map, cutout_centers, cutout_mask,
    cutout_drop_map, cutout_area, survival, path_gate, cyclic_cosine, snapshot_steps, step_decay,
    targeted_candidates, targeted_mask,
  });
})();
