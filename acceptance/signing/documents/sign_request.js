function signRequest(method, url, body, secret) {
const timestamp = Math.floor(Date.now() / 1000);
const message = `${method}\n${url}\n${timestamp}\n${JSON.stringify(body)}`;
const signature = crypto
.createHmac('sha256', secret)
.update(message)
.digest('hex');
return {
'X-Signature': signature,
'X-Timestamp': timestamp
};
}
