// The samples of docs/client-libraries.md, compiled: somebody new signs in with them. Prints JSON.
const { directory } = JSON.parse(process.argv[2]);
const network = globalThis.fetch;
let code;
globalThis.fetch = async (...request) => {
  const response = await network(...request);
  if (String(request[0]).endsWith('/send-otp-email')) code = (await response.clone().json()).data?.code;
  return response;
};
const { portal, signIn, orders } = await import(`${directory}/signing.mjs`);
const { wordsFor } = await import(`${directory}/wording.mjs`);

const questions = [];
const ask = async (question) => {
  questions.push(question);
  if (question.includes('code')) return code;
  return { 'First name': 'Ada', 'Last name': 'Lovelace' }[question] ?? 'yes';
};
const email = 'sample@example.com';
const user = await signIn(email, ask);
const theirs = await orders();
const wrong = await portal.loginOtpEmail({ email, code: '0000' }).catch(wordsFor);
await portal.sendOtpEmail({ email: 'soon@example.com' });
const soon = await portal.sendOtpEmail({ email: 'soon@example.com' }).catch(wordsFor);
const words = [wrong, wordsFor(new TypeError('fetch failed')), soon];
console.log(JSON.stringify({ questions, user, orders: theirs, words }));
