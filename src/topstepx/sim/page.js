"use strict";
// Renews the part that changes once a second; the server has escaped every value in it.
const live = document.getElementById("live");
const state = document.getElementById("state");
async function renew() {
  try {
    const answer = await fetch("/page/live", { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    live.innerHTML = await answer.text();
    state.textContent = "Renewed every second.";
  } catch {
    state.textContent = "The simulator does not answer: it has ended, or is busy.";
  }
  setTimeout(renew, 1000);
}
setTimeout(renew, 1000);
