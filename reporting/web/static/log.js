/* The breach log by itself: results while somebody types, and new entries as they come. Without this file the page
   reads and works the same; what it shows is made by the server either way. Nothing is stored, nothing leaves the page. */

"use strict";

(() => {
  const form = document.querySelector("[data-search]");
  const WAIT = 200; // milliseconds after the last letter: shorter asks for words that nobody meant
  const LOOK = 300; // milliseconds between two looks at what is new; taking in takes 200 more, so it is under a second
  let turn = 0;
  let typed = 0;
  let following = 0; // the number of the loop that follows, or 0
  let loops = 0;

  const results = () => document.getElementById("results");

  const actions = form.querySelector(".actions");
  const follow = document.createElement("button");
  follow.type = "button";
  follow.textContent = "Follow live";
  follow.setAttribute("aria-pressed", "false");
  const status = document.createElement("span");
  status.setAttribute("role", "status");
  actions.append(follow, status);

  const asked = () => {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (value.trim()) query.append(name, value);
    }
    return query.toString();
  };

  const fetched = async (address) => {
    const answer = await fetch(address, { credentials: "same-origin" });
    if (answer.redirected) {
      stop();
      status.textContent = "You have been logged out. Reload the page to log in.";
      throw new Error("logged out");
    }
    if (!answer.ok) throw new Error(String(answer.status));
    return answer;
  };

  const show = async (address) => {
    const mine = ++turn;
    const text = await (await fetched(address)).text();
    if (mine !== turn) return; // a later question was asked meanwhile
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("results");
    if (fresh) results().replaceWith(fresh);
  };

  const failed = (error) => {
    if (error.message !== "logged out") status.textContent = "The log did not answer. It is asked again.";
  };

  const search = () => {
    const query = asked();
    const address = query ? `/breaches?${query}` : "/breaches";
    status.textContent = "Looking …";
    show(address)
      .then(() => {
        history.replaceState(null, "", address);
        status.textContent = results().querySelector("caption")?.textContent ?? "Nothing matches.";
      })
      .catch(failed);
  };

  const look = async () => {
    if (document.hidden) return;
    const query = asked();
    const news = await (await fetched(`/breaches/newest?above=${results().dataset.newest}&${query}`)).json();
    if (news.fresh && !results().contains(document.activeElement)) {
      await show(query ? `/breaches?${query}` : "/breaches");
    } else if (!news.fresh) {
      results().dataset.newest = news.newest;
    }
    status.textContent = news.fresh ? `${news.fresh} new` : "Following: nothing new.";
  };

  const stop = () => {
    following = 0;
    follow.setAttribute("aria-pressed", "false");
  };

  const again = (loop) => {
    if (following !== loop) return;
    look()
      .catch(failed)
      .finally(() => setTimeout(again, LOOK, loop));
  };

  follow.addEventListener("click", () => {
    if (following) {
      stop();
      status.textContent = "";
      return;
    }
    following = ++loops;
    follow.setAttribute("aria-pressed", "true");
    if ("older" in results().dataset) search();
    again(following);
  });

  form.addEventListener("input", () => {
    const number = ++typed;
    setTimeout(() => number === typed && search(), WAIT);
  });
})();
