// clients/typescript at work: reads its task as JSON from the first argument, does one thing, prints JSON.
const task = JSON.parse(process.argv[2]);
const { AuthPortal, PortalError } = await import(task.package);

/** A client with what the tests look at: its storage, what it asked, and how often it was told of the end. */
function client(options = {}) {
  const asked = [];
  const kept = options.storage ?? memory();
  const made = { asked, kept, ends: 0, answer: undefined };
  made.portal = new AuthPortal({
    url: task.url,
    storage: kept,
    onSignedOut: () => { made.ends += 1; },
    fetch: async (input, init) => {
      const path = new URL(input.url ?? input).pathname.split('/').pop();
      const response = await made.answer?.(path) ?? await fetch(input, init);
      asked.push(`${path} ${response.status}`);
      return response;
    },
    ...options.settings,
  });
  made.refreshes = () => asked.filter((line) => line.startsWith('refresh-token')).length;
  made.change = (change) => kept.set(JSON.stringify({ ...JSON.parse(kept.get()), ...change }));
  return made;
}

function memory(text = null) {
  return { get: () => text, set: (given) => { text = given; } };
}

const person = { firstName: 'Ada', lastName: 'Lovelace', acceptTerms: true, locale: 'en' };

async function signIn({ portal }, email = task.email) {
  const sent = await portal.sendOtpEmail({ email, locale: 'en' });
  const { code, challengeId } = sent;
  const answer = await portal.loginOtpEmail({ email, code, challengeId });
  return answer.registrationRequired ? portal.completeRegistration(answer.registrationToken, person) : answer;
}

async function refusal(promise) {
  try {
    await promise;
    return null;
  } catch (error) {
    if (!(error instanceof PortalError)) return { name: error.name, message: error.message };
    const { name, status, code, messages, retryAfter } = error;
    return { name, status, code, messages, retryAfter };
  }
}

const times = (count, call) => Promise.all(Array.from({ length: count }, call));

const scenarios = {
  async whole() {
    const { portal } = client();
    const before = await refusal(portal.getMe());
    const sent = await portal.sendOtpEmail({ email: task.email });
    const first = await portal.loginOtpEmail({ email: task.email, code: sent.code, challengeId: sent.challengeId });
    const isNew = [first.registrationRequired, await portal.isSignedIn()];
    const registered = await portal.completeRegistration(first.registrationToken, person);
    const changed = await portal.updateMe({ firstName: 'Augusta' });
    const refreshed = await portal.refresh();
    const terms = await portal.acceptTerms({ acceptTerms: true });
    const activity = await portal.listActivity();
    const older = await refusal(portal.listActivity({ before: 'nonsense' }));
    const { sessions } = await portal.listSessions();
    const others = await portal.logoutOthers();
    const mine = await portal.exportMe();
    const signedOut = await portal.logout();
    return {
      before, isNew, registered: registered.user, changed, refreshed: refreshed.user, terms, activity, older, sessions,
      others, mine, signedOut, after: await refusal(portal.getMe()),
    };
  },

  async refusals() {
    const { portal } = client({ settings: { language: 'en' } });
    const sent = await portal.sendOtpEmail({ email: task.email });
    const code = sent.code === '1111' ? '2222' : '1111';
    return {
      wrong: await refusal(portal.loginOtpEmail({ email: task.email, code, challengeId: sent.challengeId })),
      soon: await refusal(portal.sendOtpEmail({ email: task.email })),
      malformed: await refusal(portal.sendOtpEmail({ email: 'nobody' })),
      foreign: await refusal(new AuthPortal({ url: task.receiver }).sendOtpEmail({ email: task.email })),
      away: await refusal(new AuthPortal({ url: 'http://127.0.0.1:9' }).sendOtpEmail({ email: task.email })),
    };
  },

  async together() {
    const one = client();
    await signIn(one);
    const two = client({ storage: one.kept });
    const counted = [];
    const count = async (work) => {
      for (const { asked } of [one, two]) asked.length = 0;
      const people = await work();
      const unauthorized = [...one.asked, ...two.asked].filter((line) => line.endsWith('401')).length;
      const refreshes = one.refreshes() + two.refreshes();
      counted.push({ refreshes, unauthorized, people: new Set(people.map((me) => me.id)).size });
    };
    one.change({ renewAt: 0, overAt: 0 });
    await count(() => times(20, () => one.portal.getMe()));
    one.change({ accessToken: 'dead' });
    await count(() => times(20, () => one.portal.getMe()));
    one.change({ renewAt: 0, overAt: 0 });
    await count(() => times(20, (_, index) => (index % 2 ? one : two).portal.getMe()));
    one.change({ accessToken: 'dead' });
    await count(() => times(20, (_, index) => (index % 2 ? one : two).portal.getMe()));
    return { counted, uses: (await one.portal.exportMe()).refreshTokens.filter((token) => token.usedAt).length };
  },

  async short() {
    const one = client();
    const { expiresIn } = await signIn(one);
    await new Promise((resolve) => setTimeout(resolve, expiresIn * 1000 + 100));
    const me = await one.portal.getMe();
    return { expiresIn, email: me.email, refreshes: one.refreshes() };
  },

  async dead() {
    const one = client();
    await signIn(one);
    const thief = client({ storage: memory(one.kept.get()) });
    const friend = client({ storage: one.kept });
    await friend.portal.getMe();
    await one.portal.refresh();
    await one.portal.refresh();
    thief.change({ renewAt: 0, overAt: 0 });
    const theft = await times(5, () => refusal(thief.portal.getMe()));
    const loss = await times(5, () => refusal(one.portal.getMe()));
    const friends = await refusal(friend.portal.getMe());
    const again = await refusal(one.portal.getMe());
    return {
      codes: [...theft, ...loss, friends, again].map((each) => each.code),
      ends: [thief.ends, one.ends, friend.ends],
      kept: [thief.kept.get(), one.kept.get()],
    };
  },

  async leaving() {
    const told = [];
    for (const leave of ['logout', 'logoutAll', 'deleteMe']) {
      const one = client();
      await signIn(one, `${leave}.${task.email}`);
      const answer = await one.portal[leave]();
      told.push([leave, Object.keys(answer), await one.portal.isSignedIn(), one.ends]);
    }
    return told;
  },

  async away() {
    const one = client();
    await signIn(one);
    one.change({ renewAt: 0 });
    let attempts = 0;
    one.answer = (path) => {
      if (path !== 'refresh-token') return undefined;
      attempts += 1;
      return Promise.reject(new TypeError('fetch failed'));
    };
    const meanwhile = (await one.portal.getMe()).email;
    one.change({ overAt: 0 });
    attempts = 0;
    const [broken] = await times(5, () => refusal(one.portal.getMe()));
    const bad = { status: 502, headers: { 'Retry-After': '7' } };
    one.answer = (path) => (path === 'refresh-token' ? new Response('<h1>Bad gateway</h1>', bad) : undefined);
    const gateway = await refusal(one.portal.getMe());
    const signedIn = [await one.portal.isSignedIn(), one.ends];
    one.answer = undefined;
    return { meanwhile, broken, attempts, gateway, signedIn, then: (await one.portal.getMe()).email };
  },

  async proxy() {
    const one = client();
    await signIn(one);
    const proxy = (path) => {
      const isMine = path === 'refresh-token' || path === 'logout';
      return isMine ? new Response('<h1>Who are you?</h1>', { status: 401 }) : undefined;
    };
    one.answer = proxy;
    one.change({ renewAt: 0 });
    const meanwhile = (await one.portal.getMe()).email;
    one.change({ overAt: 0 });
    const over = await refusal(one.portal.getMe());
    const refresh = await refusal(one.portal.refresh());
    const signedIn = [await one.portal.isSignedIn(), one.ends];
    one.answer = undefined;
    const then = (await one.portal.getMe()).email;
    one.answer = proxy;
    const logout = await refusal(one.portal.logout());
    return { meanwhile, over, refresh, signedIn, then, logout, left: await one.portal.isSignedIn() };
  },

  async races() {
    const one = client();
    await signIn(one);
    const former = JSON.parse(one.kept.get()).refreshToken;
    const [refreshed, other] = await Promise.all([one.portal.refresh(), signIn(one, task.other)]);
    const me = await one.portal.getMe();
    await Promise.allSettled([one.portal.refresh(), one.portal.logout()]);
    return { former: former !== refreshed.refreshToken, mine: me.id === other.user.id, kept: one.kept.get() };
  },

  async origins() {
    const one = client({ settings: { origins: [task.api] } });
    await signIn(one);
    const { accessToken } = JSON.parse(one.kept.get());
    const good = await one.portal.fetch(`${task.api}/good`, { headers: { 'X-Mine': 'yes' } });
    const fetchTo = (path, init) => refusal(one.portal.fetch(path, init));
    return {
      accessToken,
      good: good.status,
      foreign: await fetchTo(`${task.foreign}/direct`),
      disguised: await fetchTo(`${task.api}@${task.foreign.replace('http://', '')}/disguised`),
      relative: await fetchTo('/relative'),
      redirected: await fetchTo(`${task.api}/away`),
      followed: await fetchTo(`${task.api}/away`, { redirect: 'follow' }),
      manual: (await one.portal.fetch(new Request(`${task.api}/away`, { redirect: 'manual' }))).status,
      moved: await refusal(new AuthPortal({ url: task.moved }).sendOtpEmail({ email: 'ada@example.com' })),
    };
  },

  async repeats() {
    const one = client({ settings: { origins: [task.api] } });
    await signIn(one);
    const post = (body, more) => one.portal.fetch(`${task.api}/post`, { method: 'POST', body, ...more });
    const texts = await post('text');
    const request = await one.portal.fetch(new Request(`${task.api}/post`, { method: 'POST', body: 'request' }));
    const stream = await post(new Blob(['stream']).stream(), { duplex: 'half' });
    const refreshes = one.refreshes();
    const stays = await post('no');
    const sent = await one.portal.addEmail({ email: task.other });
    const code = sent.code === '1111' ? '2222' : '1111';
    const wrong = await refusal(one.portal.proveEmail({ email: task.other, code, challengeId: sent.challengeId }));
    return {
      statuses: [texts.status, request.status, stream.status, stays.status],
      refreshes, wrong, tries: one.asked.filter((line) => line.startsWith('verify')),
    };
  },

  async switched() {
    const told = [];
    for (const number of [0, 1]) {
      const one = client({ settings: { origins: [task.api] } });
      const other = number ? client({ storage: one.kept }) : one;
      await signIn(one, `${number}.${task.email}`);
      const former = await one.portal.accessToken();
      one.answer = async (path) => {
        if (path !== 'post') return;
        one.answer = undefined;
        await other.portal.logout();
        await signIn(other, `${number}.${task.other}`);
      };
      const post = (body) => one.portal.fetch(`${task.api}/post`, { method: 'POST', body });
      const { status } = await post(`text ${number}`);
      await one.portal.refresh();
      told.push({ former, statuses: [status, (await post(`more ${number}`)).status] });
    }
    return told;
  },

  async replaced() {
    const told = [];
    for (const change of [{ renewAt: 0, overAt: 0 }, { accessToken: 'dead' }]) {
      const one = client({ settings: { origins: [task.api] } });
      const other = client();
      await signIn(one, `${told.length}.${task.email}`);
      const { user } = await signIn(other, `${told.length}.${task.other}`);
      one.change({ refreshToken: 'unknown', ...change });
      one.answer = (path) => void (path === 'refresh-token' && one.kept.set(other.kept.get()));
      const body = `text ${told.length}`;
      const { status, code } = await one.portal.fetch(`${task.api}/post`, { method: 'POST', body }).catch((error) => error);
      told.push({ status, code, isTheirs: (await one.portal.getMe()).id === user.id, ends: one.ends });
    }
    return told;
  },

  async streams() {
    const one = client({ settings: { origins: [task.api] } });
    await signIn(one);
    const post = async (text) => {
      const body = new Blob([text]).stream();
      const { status } = await one.portal.fetch(`${task.api}/post`, { method: 'POST', body, duplex: 'half' });
      return [status, await one.portal.isSignedIn(), one.ends];
    };
    one.answer = (path) => (path === 'refresh-token' ? Promise.reject(new TypeError('fetch failed')) : undefined);
    const broken = await post('broken');
    one.answer = undefined;
    one.change({ refreshToken: 'unknown' });
    return [broken, await post('refused')];
  },

  async queries() {
    const make = async (more) => void new AuthPortal({ url: `https://portal.example${more}` });
    return Promise.all(['?a=b', '/portal?', '#part', '/#'].map((more) => refusal(make(more))));
  },

  async phones() {
    const { portal } = client();
    const { phoneNumber, code, challengeId } = await portal.sendOtp({ phoneNumber: task.phone, region: 'TR' });
    const first = await portal.loginOtp({ phoneNumber, code, challengeId });
    const { user } = await portal.completeRegistration(first.registrationToken, person);
    const second = await portal.addPhone({ phoneNumber: task.otherPhone });
    const proof = { code: second.code, challengeId: second.challengeId, keepFormer: true };
    await portal.provePhone({ phoneNumber: task.otherPhone, ...proof });
    const swapped = await portal.chooseMainPhone({ phoneNumber: task.otherPhone });
    const left = await portal.removePhone({ phoneNumber });
    const add = async (email, more) => {
      const sent = await portal.addEmail({ email });
      return portal.proveEmail({ email, code: sent.code, challengeId: sent.challengeId, ...more });
    };
    await add(task.email, {});
    const both = await add(task.other, { keepFormer: true });
    await portal.chooseMainEmail({ email: task.other, endOtherSessions: true });
    const one = await portal.removeEmail({ email: task.email });
    const { sessions } = await portal.listSessions();
    const values = (list) => list.map((each) => each.value);
    return {
      user, swapped: swapped.phoneNumber, left: values(left.phoneNumbers), both: values(both.emails),
      one: values(one.emails), ended: await portal.endSession(sessions[0].id), after: await refusal(portal.getMe()),
    };
  },
};

console.log(JSON.stringify(await scenarios[task.scenario]()));
