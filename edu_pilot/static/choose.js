/* Lists in which many are chosen: all at once, a range with Shift, and how many there are. */
(function () {
  "use strict";
  function each(list, act) { Array.prototype.forEach.call(list, act); }
  function setUp(form) {
    var boxes = Array.prototype.slice.call(form.querySelectorAll("input[name=chosen]"));
    var all = form.querySelector("input[name=all]");
    var told = form.querySelector("[data-count]");
    var last = null;
    function tell() {
      var number = boxes.filter(function (box) { return box.checked; }).length;
      if (all) { all.checked = boxes.length > 0 && number === boxes.length; }
      if (told) { told.textContent = number ? number + " / " + boxes.length : ""; }
      each(boxes, function (box) { box.closest("tr").classList.toggle("chosen", box.checked); });
    }
    each(boxes, function (box, place) {
      box.addEventListener("click", function (event) {
        if (event.shiftKey && last !== null) {
          each(boxes.slice(Math.min(last, place), Math.max(last, place) + 1), function (one) { one.checked = box.checked; });
        }
        last = place;
        tell();
      });
    });
    if (all) {
      all.addEventListener("change", function () {
        each(boxes, function (box) { box.checked = all.checked; });
        tell();
      });
    }
    tell();
  }
  each(document.querySelectorAll("form[data-choose]"), setUp);
}());
