import { describe, expect, it } from 'vitest';
import { commandOfName, paramsOfCommand, readCommandLine } from '../../src/parse/command-line.ts';

const asked = (line: string) => {
  const command = readCommandLine(line);
  return command && paramsOfCommand(command);
};
const named = (path: string) => {
  const command = commandOfName(path);
  return command && paramsOfCommand(command);
};

describe('a command line above an output', () => {
  it('is found behind any prompt', () => {
    const command = 'kubectl logs cart-7d9 -n shop -c istio-proxy';
    for (const prompt of [
      '',
      '$ ',
      '# ',
      '> ',
      'PS C:\\Users\\jo> ',
      'C:\\Users\\jo>',
      'jo@jumpbox:~/shop$ ',
      '[root@node-1 ~]# ',
      'jo@mac ~ % ',
      '➜  shop git:(main) ✗ $ ',
      '❯ ',
      '+ ',
      '3. ',
      'Command: ',
      '=== ',
      '`',
      '$ sudo ',
      '$ KUBECONFIG=/tmp/k ',
    ]) {
      expect([prompt, asked(`${prompt}${command}`)]).toEqual([
        prompt,
        { command, namespace: 'shop', pod: 'cart-7d9', container: 'istio-proxy' },
      ]);
    }
    expect(asked(`=== ${command} ===`)).toMatchObject({ pod: 'cart-7d9' });
    expect(asked('PS C:\\> istioctl.exe ps cart-7d9.shop')).toMatchObject({ pod: 'cart-7d9', namespace: 'shop' });
  });

  it('is no sentence and no line of an output', () => {
    for (const line of [
      'kubectl is not installed on the jump box',
      '    kubectl get pods -n shop',
      '  - kubectl get pods',
      "Run 'kubectl label namespace shop istio-injection=enabled' to enable it",
      '2026-11-25T08:47:07Z\tinfo\tkubectl get pods failed',
      '[2026-11-25T08:47:07.963Z] "GET / HTTP/1.1" 200 - "-" "kubectl get/1.31"',
      '> User-Agent: curl/7.88.1',
      'curl may take a while',
      '# the answer of curl is below',
    ]) {
      expect([line, asked(line)]).toEqual([line, undefined]);
    }
  });

  it('names the pod, the namespace and the container however they are written', () => {
    const cart = { pod: 'cart-7d9', namespace: 'shop' };
    for (const line of [
      'kubectl -n shop logs pod/cart-7d9',
      'kubectl logs cart-7d9 --namespace=shop --tail 100 --since=1h',
      'kubectl exec -it cart-7d9 -nshop -c istio-proxy -- curl localhost:15000/clusters',
      'kubectl exec cart-7d9 -n shop -- sh -c "curl -s localhost:15000/config_dump"',
      'kubectl describe pod cart-7d9 -n shop',
      'kubectl get pod cart-7d9 -n shop -o yaml | head -100',
      'istioctl proxy-config all cart-7d9 -n shop -o json > cart.json',
      'istioctl pc clusters cart-7d9.shop --fqdn reviews.shop.svc.cluster.local',
      'istioctl proxy-status cart-7d9.shop -i aks-istio-system',
      'istioctl experimental check-inject cart-7d9 -n shop -i aks-istio-system',
      'istioctl x authz check cart-7d9.shop',
      'oc -n shop logs cart-7d9',
    ]) {
      expect([line, asked(line.startsWith('oc') ? `$ ${line}` : line)]).toEqual([line, expect.objectContaining(cart)]);
    }
  });

  it('names no pod where it asks a workload or a label', () => {
    for (const line of [
      'kubectl logs deploy/cart -n shop',
      'kubectl logs -l app=cart -n shop --prefix',
      'kubectl get pods -n shop -o wide',
      'istioctl analyze -n shop',
    ]) {
      expect(asked(line)).toEqual({ command: line, namespace: 'shop' });
    }
  });

  it('keeps no token', () => {
    const line =
      '$ kubectl exec cart-7d9 -n shop -- curl -sv -H "Authorization: Bearer c2VjcmV0LXRva2VuLTE" http://reviews';
    expect(JSON.stringify(asked(line))).not.toContain('c2VjcmV0');
  });
});

describe('a file named after its command', () => {
  it('tells what the command tells', () => {
    expect(named('kubectl/kubectl_logs_cart-7d9_-n_shop_-c_istio-proxy.txt')).toMatchObject({
      pod: 'cart-7d9',
      namespace: 'shop',
      container: 'istio-proxy',
    });
    expect(named('kubectl_logs_--selector_app=istiod_-n_aks-istio-system_--tail=-1_--prefix.txt')).toEqual({
      command: 'kubectl logs --selector app=istiod -n aks-istio-system --tail=-1 --prefix',
      namespace: 'aks-istio-system',
    });
    expect(named('kubectl_exec_cart-7d9_-n_shop_-c_istio-proxy_--_curl_-s_localhost_15000-clusters.txt')).toMatchObject(
      { pod: 'cart-7d9', namespace: 'shop', container: 'istio-proxy' },
    );
    expect(named('istioctl_proxy-config_all_cart-7d9_-n_shop_-i_aks-istio-system_-o_json.json')).toMatchObject({
      pod: 'cart-7d9',
      namespace: 'shop',
    });
    expect(named('03 kubectl get pods -n shop.log')).toEqual({
      command: 'kubectl get pods -n shop',
      namespace: 'shop',
    });
    expect(named('kubectl_exec_-n_shop_deploy-cart_-c_curl_--_curl_-sv_http_--reviews-.txt')).toEqual(
      expect.not.objectContaining({ pod: expect.anything() }),
    );
    expect(named('cart-istio-proxy.log')).toBeUndefined();
    expect(named('kubectl.txt')).toBeUndefined();
  });
});
