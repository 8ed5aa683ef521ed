/**
 * npm's last words in plain ones, with the ways out.
 *
 * @param {string} output everything npm printed
 * @param {{ root: string, proxy: string | undefined }} about the project's folder; the proxy npm was told to use, if any
 * @returns {string}
 */
export function explainInstallFailure(output, { root, proxy }) {
  const { what, ways } = diagnose(output, root, proxy)
  return [
    `Installing the dependencies failed: ${what}`,
    'Do one of these, then run the same command again:',
    ...ways.map((way) => `  - ${way}`),
  ].join('\n')
}

/**
 * @param {string} output
 * @param {string} root
 * @param {string | undefined} proxy
 * @returns {{ what: string, ways: string[] }}
 */
function diagnose(output, root, proxy) {
  /** @param {RegExp} pattern */
  const says = (pattern) => pattern.test(output)

  const library = /loading shared libraries: ([^\s:]+)/.exec(output)?.[1]
  if (library !== undefined) {
    return {
      what: `the Node.js that comes with the dependencies needs ${library}, which this system lacks.`,
      ways: ['Debian, Ubuntu: sudo apt-get install -y libatomic1 libstdc++6', 'Fedora, RHEL: sudo dnf install -y libatomic libstdc++'],
    }
  }
  if (says(/\bENOSPC\b/)) return { what: 'the disk is full.', ways: [`free about 1 GB on the disk of ${root}`] }
  if (says(/\b(EROFS|EACCES|EPERM)\b/)) {
    return {
      what: `${root} cannot be written to.`,
      ways: [
        'move the project to a folder of your own',
        `make it yours: sudo chown -R "$(id -un)" ${JSON.stringify(root)}`,
        'npm cache owned by somebody else: sudo chown -R "$(id -un)" ~/.npm',
      ],
    }
  }
  if (says(/CERT_|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|self[- ]signed certificate/)) {
    return {
      what: "the registry's certificate is not trusted here.",
      ways: ['name the certificate authority of your network: npm config set cafile /path/to/ca.pem'],
    }
  }
  const unreachable = says(/\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ERR_SOCKET_TIMEOUT|EPROTO)\b/)
  if (says(/\bE407\b|tunneling socket|ERR_INVALID_PROXY|EINVALIDPROXY/) || (unreachable && proxy)) {
    return {
      what: `the proxy ${proxy ? withoutPassword(proxy) : 'that npm is set to use'} does not let it through.`,
      ways: [
        'correct it: npm config set https-proxy http://host:port',
        'do without: npm config delete proxy; npm config delete https-proxy; unset HTTPS_PROXY HTTP_PROXY',
      ],
    }
  }
  if (unreachable) {
    return {
      what: 'the npm registry cannot be reached.',
      ways: [
        'check the network connection',
        'behind a proxy: npm config set https-proxy http://host:port',
        'with a registry of your own: npm config set registry https://host/path/',
      ],
    }
  }
  if (says(/\b(E401|E403|E404|ETARGET|ENOVERSIONS)\b/)) {
    return {
      what: 'the registry refuses a package or does not have it (see above).',
      ways: ['use a registry that has it: npm config set registry https://host/path/', 'sign in to the one you use: npm login'],
    }
  }
  if (says(/\bEUSAGE\b/)) {
    return {
      what: 'package.json and package-lock.json do not agree.',
      ways: ['undo local changes: git checkout package.json package-lock.json', 'accept them: npm install'],
    }
  }
  return { what: 'npm ended with the error above.', ways: ['see it in full: npm ci', 'start over: rm -rf node_modules'] }
}

/** @param {string} proxy */
function withoutPassword(proxy) {
  return proxy.replace(/\/\/[^/@]*@/, '//')
}
