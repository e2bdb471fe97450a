//! The shape of a pod template: the fields of `PodTemplateSpec` of the Kubernetes API, version 1.36, as its Go types
//! declare them. Fields that a later version adds are compared as they are written.

use crate::shape::shapes;

shapes! {
    OwnerReference {
        apiVersion: Text 'always, kind: Text 'always, name: Text 'always, uid: Text 'always,
        controller: (Flag), blockOwnerDeletion: (Flag),
    }
    ManagedFieldsEntry {
        manager: Text, operation: Text, apiVersion: Text, time: (Time), fieldsType: Text, fieldsV1: (Raw),
        subresource: Text,
    }
    ObjectMeta {
        name: Text, generateName: Text, namespace: Text, selfLink: Text, uid: Text, resourceVersion: Text,
        generation: Integer, creationTimestamp: Time, deletionTimestamp: (Time),
        deletionGracePeriodSeconds: (Integer), labels: {Text}, annotations: {Text},
        ownerReferences: [OwnerReference], finalizers: [Text], managedFields: [ManagedFieldsEntry],
    }
    HostPathVolumeSource { path: Text 'always, type: (Text) }
    EmptyDirVolumeSource { medium: Text, sizeLimit: (Quantity) }
    GCEPersistentDiskVolumeSource { pdName: Text 'always, fsType: Text, partition: Integer, readOnly: Flag }
    AWSElasticBlockStoreVolumeSource {
        volumeID: Text 'always, fsType: Text, partition: Integer, readOnly: Flag,
    }
    GitRepoVolumeSource { repository: Text 'always, revision: Text, directory: Text }
    KeyToPath { key: Text 'always, path: Text 'always, mode: (Integer) }
    SecretVolumeSource { secretName: Text, items: [KeyToPath], defaultMode: (Integer), optional: (Flag) }
    NFSVolumeSource { server: Text 'always, path: Text 'always, readOnly: Flag }
    LocalObjectReference { name: Text }
    ISCSIVolumeSource {
        targetPortal: Text 'always, iqn: Text 'always, lun: Integer 'always, iscsiInterface: Text,
        fsType: Text, readOnly: Flag, portals: [Text], chapAuthDiscovery: Flag, chapAuthSession: Flag,
        secretRef: (LocalObjectReference), initiatorName: (Text),
    }
    GlusterfsVolumeSource { endpoints: Text 'always, path: Text 'always, readOnly: Flag }
    PersistentVolumeClaimVolumeSource { claimName: Text 'always, readOnly: Flag }
    RBDVolumeSource {
        monitors: [Text] 'always, image: Text 'always, fsType: Text, pool: Text, user: Text, keyring: Text,
        secretRef: (LocalObjectReference), readOnly: Flag,
    }
    FlexVolumeSource {
        driver: Text 'always, fsType: Text, secretRef: (LocalObjectReference), readOnly: Flag,
        options: {Text},
    }
    CinderVolumeSource {
        volumeID: Text 'always, fsType: Text, readOnly: Flag, secretRef: (LocalObjectReference),
    }
    CephFSVolumeSource {
        monitors: [Text] 'always, path: Text, user: Text, secretFile: Text,
        secretRef: (LocalObjectReference), readOnly: Flag,
    }
    FlockerVolumeSource { datasetName: Text, datasetUUID: Text }
    ObjectFieldSelector { apiVersion: Text, fieldPath: Text 'always }
    ResourceFieldSelector { containerName: Text, resource: Text 'always, divisor: Quantity }
    DownwardAPIVolumeFile {
        path: Text 'always, fieldRef: (ObjectFieldSelector), resourceFieldRef: (ResourceFieldSelector),
        mode: (Integer),
    }
    DownwardAPIVolumeSource { items: [DownwardAPIVolumeFile], defaultMode: (Integer) }
    FCVolumeSource { targetWWNs: [Text], lun: (Integer), fsType: Text, readOnly: Flag, wwids: [Text] }
    AzureFileVolumeSource { secretName: Text 'always, shareName: Text 'always, readOnly: Flag }
    ConfigMapVolumeSource { name: Text, items: [KeyToPath], defaultMode: (Integer), optional: (Flag) }
    VsphereVirtualDiskVolumeSource {
        volumePath: Text 'always, fsType: Text, storagePolicyName: Text, storagePolicyID: Text,
    }
    QuobyteVolumeSource {
        registry: Text 'always, volume: Text 'always, readOnly: Flag, user: Text, group: Text, tenant: Text,
    }
    AzureDiskVolumeSource {
        diskName: Text 'always, diskURI: Text 'always, cachingMode: (Text), fsType: (Text), readOnly: (Flag),
        kind: (Text),
    }
    PhotonPersistentDiskVolumeSource { pdID: Text 'always, fsType: Text }
    SecretProjection { name: Text, items: [KeyToPath], optional: (Flag) }
    DownwardAPIProjection { items: [DownwardAPIVolumeFile] }
    ConfigMapProjection { name: Text, items: [KeyToPath], optional: (Flag) }
    ServiceAccountTokenProjection { audience: Text, expirationSeconds: (Integer), path: Text 'always }
    LabelSelectorRequirement { key: Text 'always, operator: Text 'always, values: [Text] }
    LabelSelector { matchLabels: {Text}, matchExpressions: [LabelSelectorRequirement] }
    ClusterTrustBundleProjection {
        name: (Text), signerName: (Text), labelSelector: (LabelSelector), optional: (Flag),
        path: Text 'always,
    }
    PodCertificateProjection {
        signerName: Text, keyType: Text, maxExpirationSeconds: (Integer), credentialBundlePath: Text,
        keyPath: Text, certificateChainPath: Text, userAnnotations: {Text},
    }
    VolumeProjection {
        secret: (SecretProjection), downwardAPI: (DownwardAPIProjection), configMap: (ConfigMapProjection),
        serviceAccountToken: (ServiceAccountTokenProjection),
        clusterTrustBundle: (ClusterTrustBundleProjection), podCertificate: (PodCertificateProjection),
    }
    ProjectedVolumeSource { sources: [VolumeProjection] 'always, defaultMode: (Integer) }
    PortworxVolumeSource { volumeID: Text 'always, fsType: Text, readOnly: Flag }
    ScaleIOVolumeSource {
        gateway: Text 'always, system: Text 'always, secretRef: (LocalObjectReference) 'always,
        sslEnabled: Flag, protectionDomain: Text, storagePool: Text, storageMode: Text, volumeName: Text,
        fsType: Text, readOnly: Flag,
    }
    StorageOSVolumeSource {
        volumeName: Text, volumeNamespace: Text, fsType: Text, readOnly: Flag,
        secretRef: (LocalObjectReference),
    }
    CSIVolumeSource {
        driver: Text 'always, readOnly: (Flag), fsType: (Text), volumeAttributes: {Text},
        nodePublishSecretRef: (LocalObjectReference),
    }
    VolumeResourceRequirements { limits: {Quantity}, requests: {Quantity} }
    TypedLocalObjectReference { apiGroup: (Text) 'always, kind: Text 'always, name: Text 'always }
    TypedObjectReference {
        apiGroup: (Text) 'always, kind: Text 'always, name: Text 'always, namespace: (Text),
    }
    PersistentVolumeClaimSpec {
        accessModes: [Text], selector: (LabelSelector), resources: VolumeResourceRequirements,
        volumeName: Text, storageClassName: (Text), volumeMode: (Text),
        dataSource: (TypedLocalObjectReference), dataSourceRef: (TypedObjectReference),
        volumeAttributesClassName: (Text),
    }
    PersistentVolumeClaimTemplate { metadata: ObjectMeta, spec: PersistentVolumeClaimSpec 'always }
    EphemeralVolumeSource { volumeClaimTemplate: (PersistentVolumeClaimTemplate) }
    ImageVolumeSource { reference: Text, pullPolicy: Text }
    Volume {
        name: Text 'always, hostPath: (HostPathVolumeSource), emptyDir: (EmptyDirVolumeSource),
        gcePersistentDisk: (GCEPersistentDiskVolumeSource),
        awsElasticBlockStore: (AWSElasticBlockStoreVolumeSource), gitRepo: (GitRepoVolumeSource),
        secret: (SecretVolumeSource), nfs: (NFSVolumeSource), iscsi: (ISCSIVolumeSource),
        glusterfs: (GlusterfsVolumeSource), persistentVolumeClaim: (PersistentVolumeClaimVolumeSource),
        rbd: (RBDVolumeSource), flexVolume: (FlexVolumeSource), cinder: (CinderVolumeSource),
        cephfs: (CephFSVolumeSource), flocker: (FlockerVolumeSource), downwardAPI: (DownwardAPIVolumeSource),
        fc: (FCVolumeSource), azureFile: (AzureFileVolumeSource), configMap: (ConfigMapVolumeSource),
        vsphereVolume: (VsphereVirtualDiskVolumeSource), quobyte: (QuobyteVolumeSource),
        azureDisk: (AzureDiskVolumeSource), photonPersistentDisk: (PhotonPersistentDiskVolumeSource),
        projected: (ProjectedVolumeSource), portworxVolume: (PortworxVolumeSource),
        scaleIO: (ScaleIOVolumeSource), storageos: (StorageOSVolumeSource), csi: (CSIVolumeSource),
        ephemeral: (EphemeralVolumeSource), image: (ImageVolumeSource),
    }
    ContainerPort {
        name: Text, hostPort: Integer, containerPort: Integer 'always, protocol: Text, hostIP: Text,
    }
    ConfigMapEnvSource { name: Text, optional: (Flag) }
    SecretEnvSource { name: Text, optional: (Flag) }
    EnvFromSource { prefix: Text, configMapRef: (ConfigMapEnvSource), secretRef: (SecretEnvSource) }
    ConfigMapKeySelector { name: Text, key: Text 'always, optional: (Flag) }
    SecretKeySelector { name: Text, key: Text 'always, optional: (Flag) }
    FileKeySelector { volumeName: Text 'always, path: Text 'always, key: Text 'always, optional: (Flag) }
    EnvVarSource {
        fieldRef: (ObjectFieldSelector), resourceFieldRef: (ResourceFieldSelector),
        configMapKeyRef: (ConfigMapKeySelector), secretKeyRef: (SecretKeySelector),
        fileKeyRef: (FileKeySelector),
    }
    EnvVar { name: Text 'always, value: Text, valueFrom: (EnvVarSource) }
    ResourceClaim { name: Text 'always, request: Text }
    ResourceRequirements { limits: {Quantity}, requests: {Quantity}, claims: [ResourceClaim] }
    ContainerResizePolicy { resourceName: Text 'always, restartPolicy: Text 'always }
    ContainerRestartRuleOnExitCodes { operator: Text, values: [Integer] }
    ContainerRestartRule { action: Text, exitCodes: (ContainerRestartRuleOnExitCodes) }
    VolumeMount {
        name: Text 'always, readOnly: Flag, recursiveReadOnly: (Text), mountPath: Text 'always,
        subPath: Text, mountPropagation: (Text), subPathExpr: Text,
    }
    VolumeDevice { name: Text 'always, devicePath: Text 'always }
    ExecAction { command: [Text] }
    HTTPHeader { name: Text 'always, value: Text 'always }
    HTTPGetAction {
        path: Text, port: IntOrString 'always, host: Text, scheme: Text, httpHeaders: [HTTPHeader],
    }
    TCPSocketAction { port: IntOrString 'always, host: Text }
    GRPCAction { port: Integer 'always, service: (Text) 'always }
    Probe {
        exec: (ExecAction), httpGet: (HTTPGetAction), tcpSocket: (TCPSocketAction), grpc: (GRPCAction),
        initialDelaySeconds: Integer, timeoutSeconds: Integer, periodSeconds: Integer,
        successThreshold: Integer, failureThreshold: Integer, terminationGracePeriodSeconds: (Integer),
    }
    SleepAction { seconds: Integer 'always }
    LifecycleHandler {
        exec: (ExecAction), httpGet: (HTTPGetAction), tcpSocket: (TCPSocketAction), sleep: (SleepAction),
    }
    Lifecycle { postStart: (LifecycleHandler), preStop: (LifecycleHandler), stopSignal: (Text) }
    Capabilities { add: [Text], drop: [Text] }
    SELinuxOptions { user: Text, role: Text, type: Text, level: Text }
    WindowsSecurityContextOptions {
        gmsaCredentialSpecName: (Text), gmsaCredentialSpec: (Text), runAsUserName: (Text),
        hostProcess: (Flag),
    }
    SeccompProfile { type: Text 'always, localhostProfile: (Text) }
    AppArmorProfile { type: Text 'always, localhostProfile: (Text) }
    SecurityContext {
        capabilities: (Capabilities), privileged: (Flag), seLinuxOptions: (SELinuxOptions),
        windowsOptions: (WindowsSecurityContextOptions), runAsUser: (Integer), runAsGroup: (Integer),
        runAsNonRoot: (Flag), readOnlyRootFilesystem: (Flag), allowPrivilegeEscalation: (Flag),
        procMount: (Text), seccompProfile: (SeccompProfile), appArmorProfile: (AppArmorProfile),
    }
    Container {
        name: Text 'always, image: Text, command: [Text], args: [Text], workingDir: Text,
        ports: [ContainerPort], envFrom: [EnvFromSource], env: [EnvVar], resources: ResourceRequirements,
        resizePolicy: [ContainerResizePolicy], restartPolicy: (Text),
        restartPolicyRules: [ContainerRestartRule], volumeMounts: [VolumeMount],
        volumeDevices: [VolumeDevice], livenessProbe: (Probe), readinessProbe: (Probe),
        startupProbe: (Probe), lifecycle: (Lifecycle), terminationMessagePath: Text,
        terminationMessagePolicy: Text, imagePullPolicy: Text, securityContext: (SecurityContext),
        stdin: Flag, stdinOnce: Flag, tty: Flag,
    }
    EphemeralContainer {
        name: Text 'always, image: Text, command: [Text], args: [Text], workingDir: Text,
        ports: [ContainerPort], envFrom: [EnvFromSource], env: [EnvVar], resources: ResourceRequirements,
        resizePolicy: [ContainerResizePolicy], restartPolicy: (Text),
        restartPolicyRules: [ContainerRestartRule], volumeMounts: [VolumeMount],
        volumeDevices: [VolumeDevice], livenessProbe: (Probe), readinessProbe: (Probe),
        startupProbe: (Probe), lifecycle: (Lifecycle), terminationMessagePath: Text,
        terminationMessagePolicy: Text, imagePullPolicy: Text, securityContext: (SecurityContext),
        stdin: Flag, stdinOnce: Flag, tty: Flag, targetContainerName: Text,
    }
    Sysctl { name: Text 'always, value: Text 'always }
    PodSecurityContext {
        seLinuxOptions: (SELinuxOptions), windowsOptions: (WindowsSecurityContextOptions),
        runAsUser: (Integer), runAsGroup: (Integer), runAsNonRoot: (Flag), supplementalGroups: [Integer],
        supplementalGroupsPolicy: (Text), fsGroup: (Integer), sysctls: [Sysctl], fsGroupChangePolicy: (Text),
        seccompProfile: (SeccompProfile), appArmorProfile: (AppArmorProfile), seLinuxChangePolicy: (Text),
    }
    NodeSelectorRequirement { key: Text 'always, operator: Text 'always, values: [Text] }
    NodeSelectorTerm { matchExpressions: [NodeSelectorRequirement], matchFields: [NodeSelectorRequirement] }
    NodeSelector { nodeSelectorTerms: [NodeSelectorTerm] 'always }
    PreferredSchedulingTerm { weight: Integer 'always, preference: NodeSelectorTerm 'always }
    NodeAffinity {
        requiredDuringSchedulingIgnoredDuringExecution: (NodeSelector),
        preferredDuringSchedulingIgnoredDuringExecution: [PreferredSchedulingTerm],
    }
    PodAffinityTerm {
        labelSelector: (LabelSelector), namespaces: [Text], topologyKey: Text 'always,
        namespaceSelector: (LabelSelector), matchLabelKeys: [Text], mismatchLabelKeys: [Text],
    }
    WeightedPodAffinityTerm { weight: Integer 'always, podAffinityTerm: PodAffinityTerm 'always }
    PodAffinity {
        requiredDuringSchedulingIgnoredDuringExecution: [PodAffinityTerm],
        preferredDuringSchedulingIgnoredDuringExecution: [WeightedPodAffinityTerm],
    }
    PodAntiAffinity {
        requiredDuringSchedulingIgnoredDuringExecution: [PodAffinityTerm],
        preferredDuringSchedulingIgnoredDuringExecution: [WeightedPodAffinityTerm],
    }
    Affinity { nodeAffinity: (NodeAffinity), podAffinity: (PodAffinity), podAntiAffinity: (PodAntiAffinity) }
    Toleration { key: Text, operator: Text, value: Text, effect: Text, tolerationSeconds: (Integer) }
    HostAlias { ip: Text 'always, hostnames: [Text] }
    PodDNSConfigOption { name: Text, value: (Text) }
    PodDNSConfig { nameservers: [Text], searches: [Text], options: [PodDNSConfigOption] }
    PodReadinessGate { conditionType: Text 'always }
    TopologySpreadConstraint {
        maxSkew: Integer 'always, topologyKey: Text 'always, whenUnsatisfiable: Text 'always,
        labelSelector: (LabelSelector), minDomains: (Integer), nodeAffinityPolicy: (Text),
        nodeTaintsPolicy: (Text), matchLabelKeys: [Text],
    }
    PodOS { name: Text 'always }
    PodSchedulingGate { name: Text 'always }
    PodResourceClaim { name: Text 'always, resourceClaimName: (Text), resourceClaimTemplateName: (Text) }
    PodSchedulingGroup { podGroupName: (Text) }
    PodSpec {
        volumes: [Volume], initContainers: [Container], containers: [Container] 'always,
        ephemeralContainers: [EphemeralContainer], restartPolicy: Text,
        terminationGracePeriodSeconds: (Integer), activeDeadlineSeconds: (Integer), dnsPolicy: Text,
        nodeSelector: {Text}, serviceAccountName: Text, serviceAccount: Text,
        automountServiceAccountToken: (Flag), nodeName: Text, hostNetwork: Flag, hostPID: Flag,
        hostIPC: Flag, shareProcessNamespace: (Flag), securityContext: (PodSecurityContext),
        imagePullSecrets: [LocalObjectReference], hostname: Text, subdomain: Text, affinity: (Affinity),
        schedulerName: Text, tolerations: [Toleration], hostAliases: [HostAlias], priorityClassName: Text,
        priority: (Integer), dnsConfig: (PodDNSConfig), readinessGates: [PodReadinessGate],
        runtimeClassName: (Text), enableServiceLinks: (Flag), preemptionPolicy: (Text), overhead: {Quantity},
        topologySpreadConstraints: [TopologySpreadConstraint], setHostnameAsFQDN: (Flag), os: (PodOS),
        hostUsers: (Flag), schedulingGates: [PodSchedulingGate], resourceClaims: [PodResourceClaim],
        resources: (ResourceRequirements), hostnameOverride: (Text), schedulingGroup: (PodSchedulingGroup),
    }
    PodTemplateSpec { metadata: ObjectMeta, spec: PodSpec }
}
