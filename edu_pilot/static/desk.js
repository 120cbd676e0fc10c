/* The entry by keyboard: Enter goes on, F2 registers, a card fills the form, a number is looked over while it is typed. */
(function () {
  "use strict";
  var form = document.getElementById("entry");
  if (!form) { return; }
  var KEEP_EVERY = 20 * 1000;
  var card = document.getElementById("card");
  var told = document.getElementById("id-told");
  var number = form.elements.id_number;
  var judged = number.hasAttribute("aria-invalid");
  var changed = false;
  var leaving = false;
  var asked = "";

  function post(address, data) {
    data.set("csrf_token", form.elements.csrf_token.value);
    return fetch(address, { method: "POST", body: data, credentials: "same-origin", headers: { Accept: "application/json" } })
      .then(function (answer) {
        if (!answer.ok) { throw new Error(String(answer.status)); }
        document.dispatchEvent(new Event("edu-pilot:asked"));
        return answer.json();
      });
  }

  function fields() {
    return Array.prototype.filter.call(form.elements, function (one) {
      return one.tabIndex >= 0 && !one.disabled && one.type !== "hidden" && one.id !== "card" &&
        (one.tagName !== "BUTTON" || (one.name === "step" && one.value === "register")) && one.tagName !== "FIELDSET";
    });
  }

  /* Of a group of round buttons one stop is enough. */
  function next(from) {
    var all = fields();
    var at = all.indexOf(from);
    for (var i = at + 1; i < all.length; i += 1) {
      if (!(all[i].type === "radio" && from.type === "radio" && all[i].name === from.name)) {
        return all[i].type === "radio" ? checked(all[i]) : all[i];
      }
    }
    return null;
  }

  function checked(radio) {
    return form.querySelector("input[name='" + radio.name + "']:checked") || radio;
  }

  function go(from) {
    var field = next(from);
    if (!field) { return; }
    field.focus();
    if (field.select && field.type !== "radio") { field.select(); }
  }

  function register() {
    leaving = true;
    form.requestSubmit(form.querySelector(".buttons button[value=register]"));
  }

  /* A reader types faster than people and ends with Enter; an input method must not catch its letters. */
  function readCard() {
    var text = card.value;
    if (!text.trim()) { go0(); return; }
    var data = new FormData();
    data.set("card", text);
    post(form.dataset.card, data).then(function (answer) {
      Object.keys(answer.found).forEach(function (name) { put(name, answer.found[name]); });
      document.getElementById("card-told").textContent = answer.text;
      card.value = "";
      changed = true;
      look();
      go0();
    }).catch(function () { /* no line: the button beside it does the same */ });
  }

  function go0() {
    var empty = fields().filter(function (one) { return one.type !== "radio" && one.tagName !== "BUTTON" && !one.value; })[0];
    (empty || fields()[0]).focus();
  }

  function put(name, value) {
    var field = form.elements[name];
    if (!field) { return; }
    if (field.length && field[0] && field[0].type === "radio") {
      Array.prototype.forEach.call(field, function (one) { one.checked = one.value === value; });
    } else {
      field.value = value;
    }
  }

  var WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
  var CHECKS = "10X98765432";

  /* The same rule as the server's, to spare a turn; the server stays the judge. */
  function fault(text) {
    if (text.length < 18) { return told.dataset.more.replace("#", String(18 - text.length)); }
    if (text.length > 18) { return told.dataset.long; }
    var born = text.slice(6, 14);
    var day = new Date(Date.UTC(+born.slice(0, 4), +born.slice(4, 6) - 1, +born.slice(6)));
    if (day.toISOString().slice(0, 10).replace(/-/g, "") !== born) { return told.dataset.date; }
    var sum = WEIGHTS.reduce(function (all, weight, place) { return all + weight * +text[place]; }, 0);
    return CHECKS[sum % 11] === text[17] ? "" : told.dataset.check;
  }

  /* What is wrong is marked at the field, too, for those who hear it; the server's own mark stays. */
  function say(text, wrong) {
    told.textContent = text;
    told.className = wrong ? "live fault" : "live";
    if (wrong) { number.setAttribute("aria-invalid", "true"); } else if (!judged) { number.removeAttribute("aria-invalid"); }
  }

  function look() {
    var text = number.value.replace(/[\s\-]/g, "").toUpperCase();
    if (!text) { say("", false); asked = ""; return; }
    if (/[^\dX]/.test(text)) { say(told.dataset.check, true); return; }
    var problem = "";
    try { problem = fault(text); } catch (error) { problem = told.dataset.date; }
    say(problem || "✓ " + told.dataset.good, problem && text.length >= 18);
    if (problem) { asked = ""; return; }
    put("birth_on", text.slice(6, 10) + "-" + text.slice(10, 12) + "-" + text.slice(12, 14));
    put("sex", +text[16] % 2 ? "male" : "female");
    if (asked !== text) { asked = text; ask(text); }
  }

  function ask(text) {
    var data = new FormData();
    data.set("id_number", text);
    post(form.dataset.known, data).then(function (answer) {
      if (asked !== text || !(answer.reasons.length || answer.records.length)) { return; }
      say(answer.reasons.join(" "), answer.reasons.length > 0);
      answer.records.forEach(function (record, place) {
        told.append(place ? "、" : " " + told.dataset.known + " ");
        var link = document.createElement("a");
        link.href = record.address;
        link.target = "_blank";
        link.textContent = record.reference + " " + record.state;
        told.append(link);
      });
    }).catch(function () { /* the registration says the same */ });
  }

  function keep() {
    if (!changed || leaving) { return; }
    changed = false;
    var data = new FormData(form);
    data.delete("card");
    post(form.dataset.keep, data).then(function (answer) {
      document.getElementById("kept-told").textContent = answer.text;
    }).catch(function () { changed = true; });
  }

  number.setAttribute("aria-describedby", ((number.getAttribute("aria-describedby") || "") + " id-told").trim());
  form.addEventListener("keydown", function (event) {
    if (event.isComposing || event.keyCode === 229) { return; }
    if (event.key === "F2" || (event.key === "Enter" && (event.ctrlKey || event.metaKey))) {
      event.preventDefault();
      register();
    } else if (event.key === "Enter" && event.target === card) {
      event.preventDefault();
      readCard();
    } else if (event.key === "Enter" && event.target.tagName !== "BUTTON" && event.target.tagName !== "A") {
      event.preventDefault();
      go(event.target);
    }
  });
  form.addEventListener("input", function (event) {
    if (event.target === card) { return; }
    changed = true;
    if (event.target === number) { look(); }
  });
  card.addEventListener("paste", function () { window.setTimeout(readCard, 0); });
  form.addEventListener("submit", function () { leaving = true; });
  window.addEventListener("beforeunload", function (event) {
    if (changed && !leaving) { keep(); event.preventDefault(); }
  });
  window.setInterval(keep, KEEP_EVERY);
  if (number.value) { look(); } else if (!document.querySelector("[autofocus]")) { card.focus(); }
}());
