/* Tells in time that the session will end for idleness, and carries the form over a new sign-in. */
(function () {
  "use strict";
  var bar = document.getElementById("idle");
  if (!bar) { return; }
  var SOON = 2 * 60 * 1000;
  var idle = Number(bar.dataset.minutes) * 60 * 1000;
  var asked = Date.now();
  var state = "";

  function show(name) {
    if (state === name) { return; }
    state = name;
    bar.hidden = !name;
    ["soon", "over", "back"].forEach(function (one) {
      bar.querySelector(".idle-" + one).hidden = one !== name;
    });
  }

  function look() {
    var rest = asked + idle - Date.now();
    if (rest <= 0) { show("over"); } else if (rest <= SOON) { show("soon"); }
  }

  /* A session begun in another tab has another token: every form here is given it. */
  function renew(text) {
    var fresh = new DOMParser().parseFromString(text, "text/html").querySelector("input[name=csrf_token]");
    if (!fresh) { return; }
    document.querySelectorAll("input[name=csrf_token]").forEach(function (field) { field.value = fresh.value; });
  }

  function stay() {
    fetch(bar.dataset.stay, { credentials: "same-origin", redirect: "manual" }).then(function (answer) {
      if (!answer.ok) { show("over"); return null; }
      return answer.text().then(function (text) {
        renew(text);
        asked = Date.now();
        show(state === "over" ? "back" : "");
      });
    }).catch(function () { /* no line: the warning stays */ });
  }

  bar.querySelector("button").addEventListener("click", stay);
  window.addEventListener("focus", function () { if (state === "over") { stay(); } });
  document.addEventListener("edu-pilot:asked", function () { asked = Date.now(); });
  window.setInterval(look, 5000);
}());
