// The form of an operation, made of its parameters and of the schema of its body. Texts of the document and of servers
// only ever become text.
globalThis.Playground = {};
{
  // What is never filled in by example: it would look real.
  const GIVEN = new Set(['code', 'challengeId', 'refreshToken', 'session_id']);

  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => {
      if (value !== undefined && value !== false) element.setAttribute(key, value === true ? '' : value);
    });
    element.append(...children.filter((child) => child !== undefined));
    return element;
  };

  // What stands between backticks is code, in descriptions as in Markdown.
  const rich = (text) => text.split('`').map((part, index) => (index % 2 ? make('code', {}, part) : part));

  const pointed = (root, pointer) => pointer.split('/').slice(1).reduce((part, name) => part?.[name], root);

  // A schema without references, and without the null that may stand for nothing: what is not given is left out.
  const resolver = (openapi) => {
    const resolve = (schema) => {
      if (schema.$ref) return resolve(pointed(openapi, schema.$ref));
      const kind = schema.anyOf?.find((one) => one.type !== 'null');
      const whole = kind ? { ...resolve(kind), ...schema } : schema;
      return Array.isArray(whole.type) ? { ...whole, type: whole.type.find((one) => one !== 'null') } : whole;
    };
    return resolve;
  };

  const choicesOf = (schema) => {
    if (schema.enum) return schema.enum.filter((one) => one !== null);
    return schema.type === 'boolean' ? [true, false] : undefined;
  };

  // Digits are sent as a number; what is no number goes as it was typed, so that the refusal can be seen.
  const parsed = (text, schema) => {
    const isPlain = schema.type === 'string' || (schema.type === undefined && !schema.properties);
    if (isPlain) return text;
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  };

  const selectOf = (choices, field, value, words) => {
    const options = choices.map((one, index) => make('option', { value: index, selected: String(one) === value }, String(one)));
    if (!field.isRequired) options.unshift(make('option', { value: '' }, words.left_out));
    return make('select', field.attributes, ...options);
  };

  const inputOf = (schema, field, value) => make('input', {
    ...field.attributes,
    value,
    placeholder: field.placeholder ?? (GIVEN.has(field.name) ? undefined : String(schema.examples?.[0] ?? '')),
    type: 'text',
    inputmode: { integer: 'numeric', number: 'decimal' }[schema.type] ?? { email: 'email', phone: 'tel', code: 'numeric' }[schema.format],
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
  });

  const startOf = (schema, field, known) => {
    if (Object.hasOwn(known, field.name)) return String(known[field.name]);
    return field.isRequired && !GIVEN.has(field.name) ? String(schema.const ?? schema.examples?.[0] ?? '') : '';
  };

  // One control with its label and its hint. `read` gives undefined for what is left out.
  const single = (schema, field, known, words) => {
    const choices = choicesOf(schema);
    const start = startOf(schema, field, known);
    const hint = schema.description ?? field.description;
    field.attributes = {
      id: `play-${field.id}`,
      class: 'input',
      required: field.isRequired,
      'aria-describedby': hint && `play-${field.id}-hint`,
    };
    const input = choices ? selectOf(choices, field, start, words) : inputOf(schema, field, start);
    const label = make('label', { for: input.id }, field.label ?? make('code', {}, field.name), ' ', make('span', { class: 'optional' }, field.isRequired ? words.required : words.optional));
    const box = make('div', { class: 'field' }, label, input, hint && make('p', { class: 'hint', id: `play-${field.id}-hint` }, ...rich(hint)));
    const read = () => {
      if (input.value === '' && !(field.isRequired && schema.type === 'string' && !choices)) return undefined;
      return choices ? choices[input.value] : parsed(input.value, schema);
    };
    return { ...field, box, read, input, isFilled: start !== '' };
  };

  const group = (schema, field, resolve, words) => {
    const members = Object.entries(schema.properties).map(([name, member]) => one(
      member, { name, id: `${field.id}-${name}`, where: 'body', isRequired: schema.required?.includes(name) }, {}, resolve, words,
    )).filter(Boolean);
    const box = make('fieldset', {}, make('legend', {}, field.name), ...members.map((member) => member.box));
    return { ...field, box, read: () => gathered(members), input: members[0]?.input, isGroup: true };
  };

  // Nothing for an object that can have no members.
  const one = (given, field, known, resolve, words) => {
    const schema = resolve(given);
    if (schema.type !== 'object' || !schema.properties) return single(schema, field, known, words);
    return Object.keys(schema.properties).length ? group(schema, field, resolve, words) : undefined;
  };

  const gathered = (fields) => {
    const values = fields.map((field) => [field.name, field.read()]).filter(([, value]) => value !== undefined);
    return values.length ? Object.fromEntries(values) : undefined;
  };

  const tokenOf = (scheme, known, words) => {
    const isRegistration = scheme === 'registrationToken';
    return single({ type: 'string' }, {
      name: 'token',
      id: 'token',
      where: 'token',
      isRequired: true,
      label: isRegistration ? words.registration_token : words.token,
      placeholder: isRegistration ? words.no_registration_token : words.no_token,
    }, { token: known[scheme] ?? '' }, words);
  };

  const fieldsOf = (operation, known, resolve, words) => {
    const fieldOf = (schema, field) => one(schema, { ...field, placeholder: field.name === 'code' ? words.no_code : undefined }, known, resolve, words);
    const parameters = (operation.parameters ?? []).map(resolve).map((parameter) => fieldOf(
      { description: parameter.description, ...parameter.schema },
      { name: parameter.name, id: `${parameter.in}-${parameter.name}`, where: parameter.in, isRequired: Boolean(parameter.required) },
    ));
    const body = operation.requestBody && resolve(operation.requestBody.content['application/json'].schema);
    const members = Object.entries(body?.properties ?? {}).map(([name, member]) => fieldOf(
      member, { name, id: `body-${name}`, where: 'body', isRequired: Boolean(body.required?.includes(name)) },
    ));
    const scheme = Object.keys(operation.security?.[0] ?? {})[0];
    return [scheme && tokenOf(scheme, known, words), ...members, ...parameters].filter(Boolean);
  };

  const optionalBox = (fields, isOpen, words) => {
    const inner = make('div', { class: 'play-fields' }, ...fields.map((field) => field.box));
    return make('details', { open: isOpen }, make('summary', {}, words.more), inner);
  };

  // Draws the operations' forms into `place`, and says what is filled in.
  Playground.form = (openapi, place, words) => {
    const resolve = resolver(openapi);
    let fields = [];
    let shown;

    const show = (operation, known) => {
      shown = operation;
      fields = fieldsOf(operation, known, resolve, words);
      const required = fields.filter((field) => field.isRequired);
      const optional = fields.filter((field) => !field.isRequired);
      const hasBody = required.some((field) => field.where === 'body');
      const isOpen = optional.some((field) => field.isFilled || field.isGroup || (field.where === 'body' && !hasBody));
      place.className = 'play-fields';
      place.replaceChildren(...required.map((field) => field.box), ...(optional.length ? [optionalBox(optional, isOpen, words)] : []));
    };

    const valuesOf = (where) => gathered(fields.filter((field) => field.where === where)) ?? {};

    // Letters and refusals are in the language of the page, unless the person names another.
    const usual = { Accept: 'application/json', 'Accept-Language': document.documentElement.lang };

    // The call as it is to be sent; nothing while a part of its address is missing, where the person then is.
    const read = () => {
      const missing = fields.find((field) => field.where === 'path' && !field.read());
      if (missing) {
        missing.input.reportValidity();
        missing.input.focus();
        return undefined;
      }
      const parts = valuesOf('path');
      const query = new URLSearchParams(valuesOf('query')).toString();
      const path = shown.path.replace(/{(\w+)}/g, (_sign, name) => encodeURIComponent(parts[name]));
      const { token } = valuesOf('token');
      return {
        operation: shown,
        path: query ? `${path}?${query}` : path,
        headers: { ...usual, ...valuesOf('header'), ...(token && { Authorization: `Bearer ${token}` }) },
        body: shown.requestBody && valuesOf('body'),
      };
    };

    const firstEmpty = () => fields.find((field) => field.isRequired && field.input?.value === '')?.input;

    return { show, read, firstEmpty };
  };

  Object.assign(Playground, { make, rich, pointed });
}
