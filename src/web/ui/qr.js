// QR codes (ISO/IEC 18004), drawn in the browser: keys and secrets do not travel in an address to be drawn.
// Level M where it fits, else L; upper case, digits and few signs take less room than other text.

import { svg } from "./kit.js";

/** Error correction words of a block, and blocks, by level and version. */
const WORDS = {
  L: [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28, 28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30],
  M: [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28],
};
const BLOCKS = {
  L: [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8, 8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25],
  M: [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49],
};
const LEVEL_BITS = { L: 1, M: 0 };
const ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/** A drawing of the code that says `text`; `label` says the same to who cannot see it. */
export function qr(text, label) {
  const rows = matrix(text);
  const quiet = 4;
  const size = rows.length + 2 * quiet;
  let path = "";
  rows.forEach((row, y) => row.forEach((dark, x) => {
    if (dark) path += `M${x + quiet} ${y + quiet}h1v1h-1z`;
  }));
  return svg("svg", { class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label, "shape-rendering": "crispEdges" }, svg("path", { d: path }));
}

/** Rows of true (dark) and false. */
export function matrix(text) {
  for (const level of ["M", "L"]) {
    for (let version = 1; version <= 40; version += 1) {
      const bits = encoded(text, version, capacity(version, level) * 8);
      if (bits) return best(version, level, interleaved(bits, version, level));
    }
  }
  throw new RangeError("too long for a QR code");
}

// ---- what it says, as words of eight bits ----

/** Bits of the grid that carry words, without those that are always the same. */
function room(version) {
  let bits = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const marks = Math.floor(version / 7) + 2;
    bits -= (25 * marks - 10) * marks - 55;
    if (version >= 7) bits -= 36;
  }
  return bits;
}

const capacity = (version, level) => Math.floor(room(version) / 8) - WORDS[level][version - 1] * BLOCKS[level][version - 1];

function encoded(text, version, limit) {
  const bits = [];
  const put = (value, length) => {
    for (let at = length - 1; at >= 0; at -= 1) bits.push((value >> at) & 1);
  };
  const step = version < 10 ? 0 : version < 27 ? 1 : 2;
  if ([...text].every((sign) => ALPHANUMERIC.includes(sign))) {
    put(2, 4);
    put(text.length, [9, 11, 13][step]);
    for (let at = 0; at < text.length; at += 2) {
      const first = ALPHANUMERIC.indexOf(text[at]);
      if (at + 1 < text.length) put(first * 45 + ALPHANUMERIC.indexOf(text[at + 1]), 11);
      else put(first, 6);
    }
  } else {
    const bytes = new TextEncoder().encode(text);
    put(4, 4);
    put(bytes.length, [8, 16, 16][step]);
    for (const byte of bytes) put(byte, 8);
  }
  if (bits.length > limit) return null;
  put(0, Math.min(4, limit - bits.length));
  put(0, (8 - (bits.length % 8)) % 8);
  for (let pad = 0xec; bits.length < limit; pad ^= 0xec ^ 0x11) put(pad, 8);
  const words = [];
  for (let at = 0; at < bits.length; at += 8) words.push(bits.slice(at, at + 8).reduce((word, bit) => word * 2 + bit, 0));
  return words;
}

// ---- Reed and Solomon, over GF(256) with 0x11d ----

const EXP = [];
const LOG = [];
for (let at = 0, value = 1; at < 255; at += 1) {
  EXP[at] = value;
  LOG[value] = at;
  value = value << 1 ^ (value & 128 ? 0x11d : 0);
}
const times = (a, b) => (a && b ? EXP[(LOG[a] + LOG[b]) % 255] : 0);

function divisor(degree) {
  let factors = [1];
  for (let at = 0; at < degree; at += 1) {
    const next = [...factors, 0];
    factors.forEach((factor, place) => { next[place + 1] ^= times(factor, EXP[at]); });
    factors = next;
  }
  return factors.slice(1);
}

function remainder(words, by) {
  const rest = by.map(() => 0);
  for (const word of words) {
    const lead = word ^ rest.shift();
    rest.push(0);
    by.forEach((factor, at) => { rest[at] ^= times(factor, lead); });
  }
  return rest;
}

function interleaved(words, version, level) {
  const count = BLOCKS[level][version - 1];
  const by = divisor(WORDS[level][version - 1]);
  const short = Math.floor(words.length / count);
  const long = words.length % count;
  const blocks = [];
  for (let at = 0, from = 0; at < count; at += 1) {
    const length = short + (at >= count - long ? 1 : 0);
    blocks.push(words.slice(from, from + length));
    from += length;
  }
  const corrections = blocks.map((block) => remainder(block, by));
  const all = [];
  for (let at = 0; at <= short; at += 1) for (const block of blocks) if (at < block.length) all.push(block[at]);
  for (let at = 0; at < by.length; at += 1) for (const block of corrections) all.push(block[at]);
  return all;
}

// ---- the grid ----

function best(version, level, words) {
  let found = null;
  for (let mask = 0; mask < 8; mask += 1) {
    const grid = drawn(version, level, words, mask);
    const fault = penalty(grid);
    if (!found || fault < found.fault) found = { grid, fault };
  }
  return found.grid;
}

const MASKS = [
  (x, y) => (x + y) % 2, (x, y) => y % 2, (x) => x % 3, (x, y) => (x + y) % 3,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2, (x, y) => ((x * y) % 2) + ((x * y) % 3),
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2, (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2,
];

function marks(version) {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = version === 32 ? 26 : Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2;
  const places = [];
  for (let place = version * 4 + 10; places.length < count - 1; place -= step) places.unshift(place);
  return [6, ...places];
}

function drawn(version, level, words, mask) {
  const size = version * 4 + 17;
  const grid = Array.from({ length: size }, () => Array(size).fill(null));
  const set = (x, y, dark) => {
    if (x >= 0 && y >= 0 && x < size && y < size) grid[y][x] = Boolean(dark);
  };
  for (let at = 0; at < size; at += 1) {
    set(6, at, at % 2 === 0);
    set(at, 6, at % 2 === 0);
  }
  for (const [cx, cy] of [[3, 3], [size - 4, 3], [3, size - 4]]) {
    for (let dy = -4; dy <= 4; dy += 1) {
      for (let dx = -4; dx <= 4; dx += 1) {
        const far = Math.max(Math.abs(dx), Math.abs(dy));
        set(cx + dx, cy + dy, far !== 2 && far !== 4);
      }
    }
  }
  const places = marks(version);
  const last = places.length - 1;
  places.forEach((cx, i) => places.forEach((cy, j) => {
    if ((i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0)) return;
    for (let dy = -2; dy <= 2; dy += 1) for (let dx = -2; dx <= 2; dx += 1) set(cx + dx, cy + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
  }));
  format(set, size, LEVEL_BITS[level] * 8 + mask);
  if (version >= 7) {
    const bits = version * 4096 + division(version, 0x1f25, 12);
    for (let at = 0; at < 18; at += 1) {
      const [a, b] = [size - 11 + (at % 3), Math.floor(at / 3)];
      set(a, b, (bits >> at) & 1);
      set(b, a, (bits >> at) & 1);
    }
  }
  let at = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let line = 0; line < size; line += 1) {
      const upward = ((right + 1) & 2) === 0;
      const y = upward ? size - 1 - line : line;
      for (const x of [right, right - 1]) {
        if (grid[y][x] !== null) continue;
        const bit = at < words.length * 8 ? (words[at >> 3] >> (7 - (at & 7))) & 1 : 0;
        at += 1;
        grid[y][x] = Boolean(bit) !== (MASKS[mask](x, y) === 0);
      }
    }
  }
  return grid;
}

function division(value, by, degree) {
  let rest = value;
  for (let at = 0; at < degree; at += 1) rest = (rest << 1) ^ ((rest >> (degree - 1)) * by);
  return rest;
}

function format(set, size, data) {
  const bits = (data * 1024 + division(data, 0x537, 10)) ^ 0x5412;
  const bit = (at) => (bits >> at) & 1;
  for (let at = 0; at < 6; at += 1) set(8, at, bit(at));
  set(8, 7, bit(6));
  set(8, 8, bit(7));
  set(7, 8, bit(8));
  for (let at = 9; at < 15; at += 1) set(14 - at, 8, bit(at));
  for (let at = 0; at < 8; at += 1) set(size - 1 - at, 8, bit(at));
  for (let at = 8; at < 15; at += 1) set(8, size - 15 + at, bit(at));
  set(8, size - 8, true);
}

/** How hard the grid is to read: long runs, squares, what looks like a corner, too much of one colour. */
function penalty(grid) {
  const size = grid.length;
  let fault = 0;
  let dark = 0;
  const lines = [...grid, ...grid.map((_, x) => grid.map((row) => row[x]))];
  for (const line of lines) {
    let run = 0;
    line.forEach((one, at) => {
      run = at && one === line[at - 1] ? run + 1 : 1;
      if (run === 5) fault += 3;
      else if (run > 5) fault += 1;
    });
    const text = line.map(Number).join("");
    for (const corner of ["10111010000", "00001011101"]) {
      for (let at = text.indexOf(corner); at >= 0; at = text.indexOf(corner, at + 1)) fault += 40;
    }
  }
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      if (grid[y][x]) dark += 1;
      if (x && y && grid[y][x] === grid[y - 1][x] && grid[y][x] === grid[y][x - 1] && grid[y][x] === grid[y - 1][x - 1]) fault += 3;
    }
  }
  return fault + Math.floor(Math.abs((dark * 20) / (size * size) - 10)) * 10;
}
