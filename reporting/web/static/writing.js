/* Forms in which somebody writes at length: what is written is sent only while the log-in holds, and stays where it is
   otherwise; and writing keeps the log-in from ending, as a click does. Without this file the page reads and works the
   same, and a form that is sent after the log-in has ended leads to the log-in. Nothing is stored. */

"use strict";

(() => {
  const AWAKE = 5 * 60 * 1000; // milliseconds: well within the half hour after which a log-in ends
  const OURS = "/account"; // a page that everybody who is logged in may see
  let last = Date.now();
  let unsaved = false;

  // the token that a form needs now, or nothing if nobody is logged in
  const token = async () => {
    const answer = await fetch(OURS, { redirect: "manual", cache: "no-store" });
    last = Date.now();
    return answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[name=_csrf_token]");
  };

  const say = (form, words) => {
    let says = form.querySelector("[role=alert]");
    if (!says) {
      says = document.createElement("p");
      says.className = "sheet warned";
      says.setAttribute("role", "alert");
      form.append(says);
    }
    const link = document.createElement("a");
    link.href = "/log-in";
    link.target = "_blank";
    link.rel = "noopener";
    link.textContent = "Log in in another window";
    says.replaceChildren(words, link, ", leave this one open, and press the button again.");
  };

  // whoever leaves by another button or link is asked first
  window.addEventListener("beforeunload", (event) => {
    if (unsaved) event.preventDefault();
  });

  for (const form of document.querySelectorAll("[data-writing]")) {
    let asking = false;
    form.addEventListener("input", () => {
      unsaved = true;
      if (Date.now() - last > AWAKE) token().catch(() => {});
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (asking) return;
      asking = true;
      try {
        const found = await token();
        if (found) {
          form.querySelector("[name=_csrf_token]").value = found.value;
          unsaved = false;
          form.submit();
          return; // and a second click on the way sends nothing twice
        }
        say(form, "You have been logged out. Nothing that you wrote is lost, and nothing is saved yet. ");
      } catch {
        say(form, "The machine does not answer. Nothing that you wrote is lost, and nothing is saved yet. Wait a little. ");
      }
      asking = false;
    });
  }
})();
