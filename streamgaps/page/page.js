"use strict";
(() => {
  // A video or picture that cannot be shown says so in words.
  document.addEventListener("error", (event) => {
    if (event.target instanceof HTMLMediaElement || event.target instanceof HTMLImageElement) {
      const words = document.createElement("p");
      words.className = "none";
      words.textContent = "not available";
      event.target.replaceWith(words);
    }
  }, true);

  // Whether a video on this disk is there is found out when it comes into sight; of others, only when they are played.
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      entry.target.preload = "metadata";
      watcher.unobserve(entry.target);
    }
  });
  document.querySelectorAll('video[src^="file:"]').forEach((video) => watcher.observe(video));

  const form = document.getElementById("filters");
  if (!form) return;
  const state = form.querySelector("output");
  const selects = [...form.querySelectorAll("select")];
  const folded = (text) => text.normalize("NFKC").toLowerCase();
  const samples = [...document.querySelectorAll("article")].map((element) => ({
    element,
    type: element.dataset.type,
    groups: (element.dataset.groups || "").split(" "),
    text: folded([...element.querySelectorAll("dd")].map((field) => field.textContent).join("\n")),
  }));

  const show = () => {
    const type = form.elements.type.value;
    const words = folded(form.elements.words.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const sample of samples) {
      const fits = (!type || sample.type === type)
        && selects.every((select) => !select.value || sample.groups[select.dataset.place] === select.value)
        && words.every((word) => sample.text.includes(word));
      sample.element.hidden = !fits;
      shown += fits;
    }
    state.textContent = shown ? `${shown} of ${samples.length} shown` : "None fits";
  };

  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(show));
  form.hidden = false;
  show();
})();
