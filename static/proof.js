// The proof of work of pages/pressure.html: finds the number that the puzzle asks for and sends the form with it.
// On this thread: Web Crypto computes beside it anyway, and the policy "trusted-types 'none'" allows no Worker.
import { deriveKey } from './vendor/altcha-lib-2.8.0/algorithms/web/pbkdf2.js';
import { solveChallenge } from './vendor/altcha-lib-2.8.0/pow.js';

const form = document.querySelector('[data-puzzle]');
const button = form.querySelector('[type=submit]');

const show = (isChecking) => {
  document.querySelector('[data-wait]').hidden = isChecking;
  document.querySelector('[data-check]').hidden = !isChecking;
  button.disabled = isChecking;
  button.setAttribute('aria-busy', isChecking);
};

const solve = async () => {
  const challenge = JSON.parse(form.dataset.puzzle);
  const solution = await solveChallenge({ challenge, deriveKey, timeout: 60000 });
  return solution && btoa(JSON.stringify({ challenge, solution }));
};

const solveAndSend = async () => {
  show(true);
  const proof = await solve().catch(() => null);
  // Whatever went wrong, waiting works: the page says for how long, as it does without a script.
  if (!proof) return show(false);
  form.elements.proof.value = proof;
  button.disabled = false;
  return button.click();
};

if ('now' in form.dataset) {
  solveAndSend();
} else {
  // The proof before this one was not good. Only the person starts another, or this could go on for ever.
  button.addEventListener('click', (event) => {
    event.preventDefault();
    solveAndSend();
  }, { once: true });
}
