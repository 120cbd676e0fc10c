// Copies the text of a field; without this script it is marked and copied by hand.
"use strict";
document.querySelectorAll("[data-copies]").forEach(function (button) {
  button.hidden = false;
  button.addEventListener("click", function () {
    var field = document.getElementById(button.dataset.copies);
    field.focus();
    field.select();
    // The newer way is there on secure addresses only; an office's own network may have none.
    if (navigator.clipboard) {
      navigator.clipboard.writeText(field.value);
    } else {
      document.execCommand("copy");
    }
    button.textContent = button.dataset.copied;
  });
});
