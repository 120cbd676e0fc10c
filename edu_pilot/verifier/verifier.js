// Verifies a paper by its QR text or its PDF, with the keys and the list of revoked papers that this page holds.
// Nothing leaves the page and nothing is fetched: the page forbids itself any connection.
(() => {
  "use strict";
  const held = JSON.parse(document.getElementById("held").textContent);
  const SEPARATOR = "\x1f";
  const SIGNATURE = 64;
  const ORDER = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
  const FIELDS = ["kind", "number", "holder", "id_tail", "issued_on", "issuer", "key_id", "major",
    "diploma_number", "diploma_on", "certificate_number", "amount_fen"];
  const SHOWN = ["kind", "number", "holder", "id_tail", "major", "diploma_number", "diploma_on",
    "certificate_number", "amount_fen", "issued_on", "issuer"];
  let list = null;
  let language = /^zh/i.test(navigator.language || "zh") ? "zh" : "en";
  let shown = null;

  // Bytes

  const ascii = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const utf8 = (text) => new TextEncoder().encode(text);
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const unhex = (text) => Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
  // Each byte one letter, so that places in the text are places in the file.
  const letters = (bytes) => {
    const parts = [];
    for (let at = 0; at < bytes.length; at += 8192) {
      parts.push(String.fromCharCode.apply(null, bytes.subarray(at, at + 8192)));
    }
    return parts.join("");
  };
  const joined = (...parts) => {
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
    return whole;
  };
  const encoded = (bytes) => btoa(letters(bytes));
  const decoded = (text) => {
    try {
      return ascii(atob(text));
    } catch (error) {
      return null;
    }
  };
  // One spelling only: spare bits and foreign letters are no token.
  const decodedToken = (text) => {
    if (!/^[A-Za-z0-9_-]+$/.test(text)) return null;
    const plain = text.replace(/-/g, "+").replace(/_/g, "/");
    const bytes = decoded(plain + "=".repeat((4 - (plain.length % 4)) % 4));
    return bytes && encoded(bytes).replace(/=+$/, "") === plain ? bytes : null;
  };

  // SHA-256 (FIPS 180-4), where the browser keeps its own for pages of the net

  const roots = (power) => {
    const found = [];
    for (let number = 2; found.length < (power === 2 ? 8 : 64); number += 1) {
      let prime = true;
      for (let by = 2; by * by <= number; by += 1) if (number % by === 0) prime = false;
      if (prime) found.push((Math.pow(number, 1 / power) % 1) * 4294967296 | 0);
    }
    return found;
  };
  const turned = (word, by) => (word >>> by) | (word << (32 - by));
  const own256 = (message) => {
    const constants = roots(3);
    const state = roots(2);
    const padded = new Uint8Array(((message.length + 72) >> 6) << 6);
    padded.set(message);
    padded[message.length] = 128;
    const view = new DataView(padded.buffer);
    view.setUint32(padded.length - 8, Math.floor(message.length / 536870912));
    view.setUint32(padded.length - 4, (message.length << 3) >>> 0);
    const words = new Int32Array(64);
    for (let block = 0; block < padded.length; block += 64) {
      for (let i = 0; i < 16; i += 1) words[i] = view.getInt32(block + i * 4);
      for (let i = 16; i < 64; i += 1) {
        const low = turned(words[i - 15], 7) ^ turned(words[i - 15], 18) ^ (words[i - 15] >>> 3);
        const high = turned(words[i - 2], 17) ^ turned(words[i - 2], 19) ^ (words[i - 2] >>> 10);
        words[i] = (words[i - 16] + low + words[i - 7] + high) | 0;
      }
      let [a, b, c, d, e, f, g, h] = state;
      for (let i = 0; i < 64; i += 1) {
        const one = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + constants[i] + words[i]) | 0;
        const two = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
      }
      [a, b, c, d, e, f, g, h].forEach((word, i) => { state[i] = (state[i] + word) | 0; });
    }
    const out = new DataView(new ArrayBuffer(32));
    state.forEach((word, i) => out.setInt32(i * 4, word));
    return new Uint8Array(out.buffer);
  };
  const subtle = () => (window.crypto && window.crypto.subtle) || null;
  const sha256 = async (bytes) => {
    if (!subtle()) return own256(bytes);
    return new Uint8Array(await subtle().digest("SHA-256", bytes));
  };

  // Ed25519 by the browser, else by the library

  const verified = async (key, signature, message) => {
    if (signature.length !== SIGNATURE) return false;
    let own;
    try {
      own = await subtle().importKey("raw", unhex(key), { name: "Ed25519" }, false, ["verify"]);
    } catch (error) {
      return byLibrary(key, signature, message);
    }
    return subtle().verify({ name: "Ed25519" }, own, signature, message);
  };
  // The library takes a second spelling of a signature, with the order of the group added; nobody else does.
  const byLibrary = (key, signature, message) => {
    const scalar = hex(signature.slice(32).reverse());
    const order = hex(unhex(ORDER).reverse());
    return scalar < order && nacl.sign.detached.verify(message, signature, unhex(key));
  };
  const signer = async (signature, message) => {
    for (const key of held.keys) if (await verified(key.public, signature, message)) return key;
    return null;
  };

  // Tokens: the facts and their signature

  const factsOf = (packed) => {
    let texts;
    try {
      texts = new TextDecoder("gb18030", { fatal: true }).decode(packed).split(SEPARATOR);
    } catch (error) {
      return null;
    }
    if (texts.length !== FIELDS.length + 1 || texts[0] !== held.form) return null;
    const facts = {};
    FIELDS.forEach((name, place) => { facts[name] = texts[place + 1]; });
    facts.kind = held.letters[facts.kind] || facts.kind;
    return facts;
  };
  const mark = async (signature) => {
    const digest = await sha256(joined(ascii(held.purposes.mark), signature));
    return encoded(digest).replace(/\+/g, "-").replace(/\//g, "_").slice(0, held.mark_length);
  };
  const known = (facts) => held.keys.some((key) => key.id === facts.key_id);

  const judgeToken = async (text) => {
    const bytes = decodedToken(text.trim().replace(/\s+/g, "").split("#").pop());
    if (!bytes || bytes.length <= SIGNATURE) return { result: "unknown", why: "no_token" };
    const packed = bytes.slice(0, -SIGNATURE);
    const signature = bytes.slice(-SIGNATURE);
    const facts = factsOf(packed);
    const key = await signer(signature, joined(ascii(held.purposes.proof), packed));
    if (!facts) return { result: "altered", why: "token" };
    if (!key) return known(facts) ? { result: "altered", why: "token" } : { result: "unknown", why: "key" };
    const day = list.days.get(await mark(signature));
    return { result: day ? "revoked" : "genuine", why: "token", facts, key, day };
  };

  // Files: the seal covers every byte but its own digits

  const blanked = (bytes, at, length) => {
    const copy = bytes.slice();
    copy.fill(48, at, at + length);
    return copy;
  };
  const every = (text, pattern) => Array.from(text.matchAll(pattern));
  const sealOf = (text) => {
    const wholes = every(text, new RegExp(hex(ascii(held.seal.mark)).toUpperCase() + "([0-9A-F]{128})", "g"));
    if (wholes.length === 1) {
      const [whole] = wholes;
      return { at: whole.index + whole[0].length - 128, length: 128, signature: unhex(whole[1]), purpose: held.purposes.whole };
    }
    const informed = every(text, /\/edupilotseal \(([A-Za-z0-9+/=]{88})\)/g);
    if (wholes.length || informed.length !== 1) return null;
    const signature = decoded(informed[0][1]);
    if (!signature || encoded(signature) !== informed[0][1]) return null;
    return { at: informed[0].index + 15, length: 88, signature, purpose: held.purposes.seal };
  };
  const judgeFile = async (bytes) => {
    const text = letters(bytes);
    const tokens = every(text, /\/edupilotproof \(([A-Za-z0-9_-]+)\)/g);
    const seal = sealOf(text);
    if (!seal && !text.includes("edupilotseal") && !text.includes("edupilotproof")) {
      return { result: "unknown", why: "file" };
    }
    if (tokens.length !== 1) return { result: "altered", why: "file" };
    const token = await judgeToken(tokens[0][1]);
    if (token.why === "key") return token;
    if (!seal || !token.facts) return { result: "altered", why: "file" };
    const message = joined(ascii(seal.purpose), await sha256(blanked(bytes, seal.at, seal.length)));
    const good = await verified(token.key.public, seal.signature, message);
    return good ? { ...token, why: "file" } : { result: "altered", why: "file" };
  };

  // The list of revoked papers

  const readList = async (text) => {
    const outer = JSON.parse(text);
    const signed = joined(ascii(held.purposes.revoked), utf8(outer.list));
    if (!(await verified(held.keys[0].public, unhex(outer.signature), signed))) return null;
    const told = JSON.parse(outer.list);
    const days = new Map();
    Object.keys(told.revoked).forEach((day) => told.revoked[day].forEach((one) => days.set(one, day)));
    return { madeAt: told.made_at, days };
  };
  const loadList = async (file) => {
    let newer = null;
    try {
      newer = await readList(await textOf(file));
    } catch (error) {
      newer = null;
    }
    const told = document.getElementById("list-told");
    const word = !newer ? "list_bad" : newer.madeAt < list.madeAt ? "list_older" : "list_taken";
    if (word === "list_taken") list = newer;
    told.dataset.result = word;
    told.textContent = words()[word];
    describeHeld();
    if (shown) await shown.again();
  };

  // What people read

  const words = () => held.texts[language];
  const label = (kind) => (held.kinds[kind] ? held.kinds[kind][language] : kind);
  const day = (iso) => {
    const [year, month, date] = iso.slice(0, 10).split("-").map(Number);
    return language === "zh" ? `${year}年${month}月${date}日` : `${date} ${held.months[month - 1]} ${year}`;
  };
  // An instant as the clocks of the office show it: China has one time, eight hours before UTC.
  const moment = (iso) => {
    const there = new Date(Date.parse(iso) + 8 * 3600 * 1000).toISOString();
    return `${day(there)} ${there.slice(11, 16)}`;
  };
  const yuan = (fen) => {
    const [whole, rest] = [fen.slice(0, -2) || "0", fen.slice(-2).padStart(2, "0")];
    const sum = `${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${rest}`;
    return language === "zh" ? `${sum} 元` : `CNY ${sum}`;
  };
  const spelt = (name, value) => {
    if (name === "kind") return label(value);
    if (name === "amount_fen") return yuan(value);
    return name.endsWith("_on") ? day(value) : value;
  };
  const filled = (text, facts) => text.replace(/\{(\w+)\}/g, (_, name) => facts[name] || "");
  const element = (name, text) => {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  };
  const factsList = (facts) => {
    const table = element("dl", "");
    SHOWN.filter((name) => facts[name]).forEach((name) => {
      const row = element("div", "");
      row.append(element("dt", words().facts[name]), element("dd", spelt(name, facts[name])));
      row.dataset.fact = name;
      table.append(row);
    });
    return table;
  };
  const show = (found) => {
    const box = document.getElementById("verdict");
    const text = words();
    const told = { day: found.day && day(found.day), list: moment(list.madeAt), key: found.key && found.key.id };
    const way = text.verdicts[`${found.result}_${found.why}`] || text.verdicts[found.result];
    const head = element("h2", "");
    const sign = element("span", { genuine: "✓", altered: "✕", revoked: "!", unknown: "?" }[found.result] || "…");
    sign.setAttribute("aria-hidden", "true");
    head.append(sign, way.title);
    const lines = way.lines.map((line) => element("p", filled(line, told)));
    if (found.facts) lines.push(factsList(found.facts));
    const notes = [];
    if (found.result === "genuine") notes.push(filled(text.as_of, told));
    if (found.key && found.key !== held.keys[0]) notes.push(filled(text.earlier, told));
    const noted = notes.map((note) => element("p", note));
    noted.forEach((note) => { note.className = "note"; });
    box.textContent = "";
    box.append(head, ...lines, ...noted);
    box.dataset.result = found.result;
    box.dataset.why = found.why;
    box.dataset.earlier = String(Boolean(found.key && found.key !== held.keys[0]));
    box.hidden = false;
  };
  const judge = async (way) => {
    const again = async () => {
      const found = await way();
      shown = { again, found };
      show(found);
    };
    await again();
    const box = document.getElementById("verdict");
    box.focus({ preventScroll: true });
    box.scrollIntoView({ block: "start" });
  };
  const describeHeld = () => {
    document.getElementById("held-list").textContent = filled(words().list_held, { list: moment(list.madeAt), count: String(list.days.size) });
  };
  const speak = () => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
    document.querySelectorAll("[data-text]").forEach((place) => { place.textContent = words()[place.dataset.text]; });
    const change = document.getElementById("language");
    change.textContent = language === "zh" ? "English" : "中文";
    change.lang = language === "zh" ? "en" : "zh-CN";
    document.getElementById("issuer").textContent = held.issuer[language];
    document.getElementById("keys").textContent = words().keys + held.keys.map((key) => key.id).join(" · ");
    document.getElementById("list-told").textContent = "";
    describeHeld();
    if (shown) show(shown.found);
  };

  // Files as old browsers read them too
  const read = (file, how) => new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(reader.error);
    reader[how](file);
  });
  const textOf = (file) => read(file, "readAsText");
  const bytesOf = async (file) => new Uint8Array(await read(file, "readAsArrayBuffer"));

  const fromAddress = () => {
    if (location.hash.length > 1) judge(() => judgeToken(location.hash.slice(1)));
  };
  const begin = async () => {
    list = await readList(held.list);
    speak();
    document.getElementById("language").addEventListener("click", () => {
      language = language === "zh" ? "en" : "zh";
      speak();
    });
    document.getElementById("check").addEventListener("click", () => {
      const text = document.getElementById("token").value;
      judge(() => judgeToken(text));
    });
    document.getElementById("paper").addEventListener("change", async (event) => {
      const [file] = event.target.files;
      if (!file) return;
      const bytes = await bytesOf(file);
      event.target.value = "";
      judge(() => judgeFile(bytes));
    });
    document.getElementById("list").addEventListener("change", async (event) => {
      const [file] = event.target.files;
      event.target.value = "";
      if (file) await loadList(file);
    });
    window.addEventListener("hashchange", fromAddress);
    document.body.dataset.ready = "yes";
    fromAddress();
  };
  begin();
})();
